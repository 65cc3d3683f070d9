"""A host's part in a rollout: what it asks the registry, and how its deployments end."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from listener.deploy.outcomes import Nothing, Resolved
from listener.deploy.wanted import Wanted
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Journal, Phase
from listener.model.tag_policy import TagPolicy
from listener.model.target import Memory, Rollout, Target, TargetSettings
from listener.registry import Denied, RegistryAway
from listener.store import Lease, Rollouts, Store, Unavailable
from listener.store import Part as StoredPart
from listener.worker.overview import Overview
from listener.worker.rolling import End, Go, Later, Rolling

from .conftest import a_deployment, finished

FIRST, SECOND = ("sha256:" + digit * 64 for digit in "12")
TARGET = Target(
    name="web",
    host="h1",
    settings=TargetSettings(rollout=Rollout(group="web", on_failure="rollback")),
    image="docker.io/team/web",
    policy=TagPolicy(exact="latest"),
    digests=(FIRST,),
)


class Tag:
    """What the registry says that the tag means."""

    def __init__(self) -> None:
        self.means: Resolved | Nothing | Exception = Resolved(FIRST, "latest")
        self.asked = 0

    async def glance(self, *_: object) -> Resolved | Nothing:
        self.asked += 1
        if isinstance(self.means, Exception):
            raise self.means
        return self.means


class Memories:
    def __init__(self) -> None:
        self.known = Memory()

    async def memory(self, _: str) -> Memory:
        return self.known

    async def remember(self, _: str, memory: Memory) -> None:
        self.known = memory


class Part:
    """A host that takes part."""

    def __init__(self, store: Store, lease: Lease, host: str) -> None:
        self.tag, self.memories = Tag(), Memories()
        self.rollouts = Rollouts(store, lease)
        wanted, overview = cast(Wanted, self.tag), cast(Overview, self.memories)
        self.rolling = Rolling(host, self.rollouts, wanted, overview)

    async def ask(self, deployment: Deployment, target: Target = TARGET) -> Go | Later | End:
        return await self.rolling.ask(deployment, target)


@pytest.fixture
def part(store: Store, lease: Lease) -> Part:
    return Part(store, lease, "h1")


@pytest.fixture
async def other(store: Store) -> Part:
    lease = Lease(store, "engine-2", "owner-2", "h2")
    assert await lease.acquire()
    return Part(store, lease, "h2")


async def test_a_newer_push_is_never_taken_for_the_older_one(part: Part, other: Part) -> None:
    assert await other.ask(a_deployment(host="h2")) == Go(FIRST, "latest")
    waiting = a_deployment()
    assert await part.ask(waiting) == Later("rollout web: waits for web@h2", 1.0)
    assert isinstance(await part.ask(waiting), Later)
    assert part.tag.asked == 1, "nor is the registry asked each second"
    await other.rolling.untaken("web")
    part.tag.means = Resolved(SECOND, "latest")
    assert await part.ask(a_deployment()) == Go(SECOND, "latest")


async def test_what_a_person_asks_for_does_not_wait(part: Part, other: Part) -> None:
    assert isinstance(await other.ask(a_deployment(host="h2")), Go)
    for trigger in (Trigger.MANUAL, Trigger.ROLLBACK):
        assert await part.ask(a_deployment(trigger=trigger)) == Go()
    alone = TARGET.model_copy(update={"settings": TargetSettings()})
    assert await part.ask(a_deployment(), alone) == Go()
    assert part.tag.asked == 0


async def test_a_registry_that_is_away_is_waited_for_and_one_that_refuses_is_not(
    part: Part,
) -> None:
    part.tag.means = RegistryAway("answers 429", 40)
    assert await part.ask(a_deployment()) == Later("answers 429", 40)
    part.tag.means = Denied("wants a login")
    end = await part.ask(a_deployment())
    assert isinstance(end, End)
    assert (end.ended.state, end.ended.reason) == (State.FAILED, "wants a login")


async def test_a_registry_that_hangs_holds_up_nobody_else(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.worker.rolling._ANSWERS_WITHIN", 0.05)
    answers, waiting = asyncio.Event(), a_deployment()

    async def hang(*_: object) -> Resolved:
        await answers.wait()
        return Resolved(SECOND, "latest")

    monkeypatch.setattr(part.tag, "glance", hang)
    slow = Later("waits for an answer of the registry", 1.0)
    assert [await part.ask(waiting) for _ in range(3)] == [slow] * 3
    answers.set()
    assert await part.ask(waiting) == Go(SECOND, "latest")
    answers.clear()
    assert await part.ask(a_deployment()) == slow, "a newer push asks anew"
    await part.rolling.abandon()
    assert not part.rolling._asking


async def test_what_runs_already_takes_no_turn(part: Part, other: Part) -> None:
    part.tag.means = Nothing(f"already runs {FIRST}", FIRST)
    end = await part.ask(a_deployment())
    assert isinstance(end, End)
    assert (end.ended.state, end.ended.to_digest) == (State.SKIPPED, FIRST)
    assert isinstance(await other.ask(a_deployment(host="h2")), Go)


async def test_after_a_stop_the_digest_is_bad_until_a_person_wants_it(
    part: Part, other: Part
) -> None:
    assert isinstance(await other.ask(a_deployment(host="h2")), Go)
    stopper, _ = other.rolling._held["web"]
    await other.rollouts.stop(stopper, "web@h2 was rolled back: sick", for_good=True, back=False)
    end = await part.ask(a_deployment())
    assert isinstance(end, End)
    assert end.ended.state is State.SKIPPED
    assert end.ended.reason == "stopped: web@h2 was rolled back: sick"
    (bad,) = part.memories.known.bad
    assert (bad.digest, bad.reason) == (FIRST, "web@h2 was rolled back: sick")


@pytest.mark.parametrize(
    ("state", "untaken", "bad"),
    [
        (State.ROLLED_BACK, False, True),
        (State.FAILED, True, False),
        (State.ROLLBACK_FAILED, True, False),
    ],
)
async def test_what_was_disturbed_on_one_host_is_bad_on_none(
    part: Part, other: Part, state: State, untaken: bool, bad: bool
) -> None:
    waiting = a_deployment(host="h2")
    settings = TargetSettings(rollout=Rollout(group="web"))
    target = TARGET.model_copy(update={"host": "h2", "settings": settings})
    assert isinstance(await other.ask(waiting, target), Go)
    facts = {"state": state, "reason": "restarted by someone else", "to_digest": FIRST}
    ended = waiting.model_copy(update=facts)
    facts = {"sick": not untaken, "untaken": untaken}
    journal = Journal(deployment=ended, target=target, phase=Phase.CLEAN, **facts)
    await other.rolling.ended(journal)
    assert isinstance(await part.ask(a_deployment()), End)
    assert bool(part.memories.known.bad) is bad


async def test_a_host_goes_back_only_from_what_it_was_told_to_leave(part: Part) -> None:
    facts = {"trigger": Trigger.ROLLBACK, "cause": "rollout web was stopped", "to_digest": SECOND}
    assert await part.ask(a_deployment(from_digest=FIRST, **facts)) == Go(SECOND, None)
    end = await part.ask(a_deployment(from_digest=SECOND, **facts))
    assert isinstance(end, End)
    assert (end.ended.state, end.ended.reason) == (State.SKIPPED, f"it no longer runs {SECOND}")


def ended(deployment: Deployment, target: Target = TARGET) -> Journal:
    facts = {"from_digest": SECOND, "to_digest": FIRST}
    done = finished(deployment.model_copy(update=facts))
    return Journal(deployment=done, target=target, phase=Phase.CLEAN)


async def test_a_turn_that_ends_while_others_are_renewed_stays_ended(
    part: Part, other: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = TARGET.model_copy(update={"name": "api", "image": "docker.io/team/api"})
    of_web = a_deployment()
    assert isinstance(await part.ask(a_deployment("api"), api), Go)
    assert isinstance(await part.ask(of_web), Go)
    keep, renewed = part.rollouts.keep, list[str]()

    async def slow(turn: StoredPart, deployment: str) -> None:
        renewed.append(turn.target)
        await keep(turn, deployment)
        if turn.target == "api":
            await part.rolling.ended(ended(of_web))

    monkeypatch.setattr(part.rollouts, "keep", slow)
    await part.rolling.keep()
    assert renewed == ["api"]
    assert isinstance(await other.ask(a_deployment(host="h2")), Go)


async def test_the_end_of_a_turn_is_told_also_where_the_store_was_away(
    part: Part, other: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = a_deployment(
        trigger=Trigger.ROLLBACK, from_digest=FIRST, cause="rollout web was stopped"
    )
    assert isinstance(await part.ask(deployment), Go)
    # Both are digests of the image that it left.
    done = ended(deployment)
    assert done.deployment.from_digest != deployment.from_digest
    with monkeypatch.context() as away:

        async def fails(_: StoredPart) -> None:
            raise Unavailable("away")

        away.setattr(part.rollouts, "out", fails)
        with pytest.raises(Unavailable):
            await part.rolling.ended(done)
        await part.rolling.keep()
    await part.rolling.ended(done)
    back = a_deployment(
        host="h2", trigger=Trigger.ROLLBACK, from_digest=FIRST, cause="rollout web was stopped"
    )
    assert isinstance(await other.ask(back), Go)
