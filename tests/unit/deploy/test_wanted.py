"""Which digest a deployment brings: what the registry says, what is skipped and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from listener.deploy.outcomes import Faulted, Nothing, Resolved
from listener.deploy.wanted import Wanted
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Trigger
from listener.model.reference import Reference
from listener.model.tag_policy import TagPolicy
from listener.model.target import Bad, Good, Memory, Target, TargetSettings
from listener.registry import Credentials, Denied, NotFound, RegistryAway, Resolver


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


class Registry:
    """A registry as a table of tags, or one that always fails."""

    def __init__(self, tags: dict[str, str], fault: Exception | None = None) -> None:
        self._tags = tags
        self._fault = fault
        self.asked: list[Reference] = []
        self.listed = list(tags)

    async def digest(self, image: Reference, tag: str) -> str:
        self.asked.append(image)
        if self._fault is not None:
            raise self._fault
        if tag not in self._tags:
            raise NotFound(f"no tag {tag}")
        return self._tags[tag]

    async def tags(self, image: Reference) -> list[str]:
        return self.listed


class Away:
    """An engine that cannot ask the registry either, and nobody to log in as."""

    fault: Exception = EngineError(500, "connection refused")

    async def distribution(self, *_: Any) -> dict[str, Any]:
        raise self.fault

    async def for_host(self, _: str) -> None:
        return None


def wanted(registry: Registry) -> Wanted:
    away = Away()
    return Wanted(cast("Engine", away), cast("Resolver", registry), cast("Credentials", away))


def target(policy: str | dict[str, str] = "latest", tag: str = "latest", **more: Any) -> Target:
    return Target(
        name="web",
        host="h",
        settings=TargetSettings(container="web", pull_timeout="2s"),
        image="registry.example.com/web",
        spelling=f"localhost:5000/web:{tag}",
        tag=tag,
        policy=TagPolicy.model_validate(policy),
        image_id="running",
        digests=(digest("1"), "sha256:id"),
        **more,
    )


def deployment(trigger: Trigger = Trigger.PUSH, **more: Any) -> Deployment:
    return Deployment(
        id="20260301-100000-000-0badcafe",
        target="web",
        host="h",
        trigger=trigger,
        image="registry.example.com/web",
        queued_at=utc_now(),
        **more,
    )


BAD = Memory(bad=(Bad(digest=digest("2"), deployment="d", reason="unhealthy", at=utc_now()),))


async def test_the_registry_is_asked_under_the_containers_own_spelling() -> None:
    registry = Registry({"latest": digest("2")})
    found = await wanted(registry).find(deployment(tag="latest"), target(), Memory())
    assert found == Resolved(digest("2"), "latest")
    assert {image.registry for image in registry.asked} == {"localhost:5000"}


async def test_what_runs_already_is_skipped() -> None:
    found = await wanted(Registry({"latest": digest("1")})).find(deployment(), target(), Memory())
    assert found == Nothing(f"already runs {digest('1')}", digest("1"))


async def test_another_tag_of_what_runs_is_skipped_too() -> None:
    registry = wanted(Registry({"main-8": digest("1"), "latest": digest("1")}))
    same = Nothing(f"already runs {digest('1')}", digest("1"))
    following = target({"glob": "main-*"}, tag="main-7")
    assert await registry.find(deployment(tag="main-8"), following, Memory()) == same
    # A container that was created from a digest has no tag.
    pinned = target().model_copy(update={"tag": None})
    assert await registry.find(deployment(tag="latest"), pinned, Memory()) == same


async def test_by_hand_without_a_tag_is_what_the_target_follows() -> None:
    registry = wanted(Registry({"1.4.0": digest("1"), "1.5.0": digest("3"), "stable": digest("4")}))
    by_hand = deployment(Trigger.MANUAL)
    newest = target({"semver": "^1.4"}, tag="1.4.0")
    assert await registry.find(by_hand, newest, Memory()) == Resolved(digest("3"), "1.5.0")
    assert await registry.find(by_hand, target("stable"), Memory()) == Resolved(
        digest("4"), "stable"
    )


async def test_force_deploys_what_runs_already() -> None:
    found = await wanted(Registry({"latest": digest("1")})).find(
        deployment(Trigger.MANUAL, force=True), target(), Memory()
    )
    assert found == Resolved(digest("1"), "latest")


async def test_a_known_bad_digest_is_skipped_until_someone_deploys_it_by_hand() -> None:
    registry = wanted(Registry({"latest": digest("2")}))
    skipped = await registry.find(deployment(), target(), BAD)
    assert isinstance(skipped, Nothing)
    assert "known to be bad" in skipped.reason
    assert "unhealthy" in skipped.reason
    by_hand = await registry.find(deployment(Trigger.MANUAL), target(), BAD)
    assert by_hand == Resolved(digest("2"), "latest")


@pytest.mark.parametrize(
    ("tags", "pushed", "found"),
    [
        (["1.4.0", "1.5.0", "2.0.0"], "1.5.0", "1.5.0"),
        # A backport pushed last does not hide the newest version.
        (["1.4.0", "1.4.1", "1.5.0"], "1.4.1", "1.5.0"),
    ],
)
async def test_a_version_range_takes_the_highest_that_fits(
    tags: list[str], pushed: str, found: str
) -> None:
    registry = Registry({tag: digest(str(number + 2)) for number, tag in enumerate(tags)})
    answer = await wanted(registry).find(
        deployment(tag=pushed), target({"semver": "^1.4"}, tag="1.4.0"), Memory()
    )
    assert isinstance(answer, Resolved)
    assert answer.tag == found


@pytest.mark.parametrize(("ago", "listed"), [(0, False), (600, True)])
async def test_a_version_that_was_just_pushed_may_not_be_listed_yet(ago: int, listed: bool) -> None:
    registry = Registry({"1.4.0": digest("1"), "1.4.1": digest("2")})
    registry.listed = ["1.4.0"]
    told = deployment(tag="1.4.1", received_at=utc_now() - timedelta(seconds=ago))
    answer = await wanted(registry).find(told, target({"semver": "^1.4"}, tag="1.4.0"), Memory())
    assert isinstance(answer, Nothing if listed else Resolved)


async def test_an_older_version_than_the_running_one_is_skipped() -> None:
    answer = await wanted(Registry({"1.4.1": digest("2")})).find(
        deployment(tag="1.4.1"), target({"semver": "^1.4"}, tag="1.5.0"), Memory()
    )
    assert answer == Nothing("1.4.1 is older than 1.5.0, which runs", digest("2"))


async def test_rollback_goes_to_the_last_good_one_that_does_not_run_and_is_not_bad() -> None:
    def good(letter: str, image_id: str) -> Good:
        return Good(digest=digest(letter), tag="latest", image_id=image_id, at=utc_now())

    memory = Memory(good=(good("1", "running"), good("2", "two"), good("3", "three")), bad=BAD.bad)
    answer = await wanted(Registry({})).find(deployment(Trigger.ROLLBACK), target(), memory)
    assert answer == Resolved(digest("3"), "latest")


async def test_rollback_without_anything_to_go_back_to_says_so() -> None:
    answer = await wanted(Registry({})).find(deployment(Trigger.ROLLBACK), target(), Memory())
    assert answer == Nothing("no earlier good digest is known for this target")


async def test_not_found_is_final_where_no_push_was_just_received() -> None:
    answer = await wanted(Registry({})).find(deployment(Trigger.MANUAL), target(), Memory())
    assert answer == Faulted("no tag latest")


async def test_denied_is_final_at_once() -> None:
    registry = Registry({}, Denied("the registry wants other credentials"))
    answer = await wanted(registry).find(deployment(), target(), Memory())
    assert answer == Faulted("the registry wants other credentials")
    assert len(registry.asked) == 1


async def test_a_registry_that_is_away_is_asked_again_until_patience_ends() -> None:
    registry = Registry({}, RegistryAway("connection refused"))
    answer = await wanted(registry).find(deployment(), target(), Memory())
    assert isinstance(answer, Faulted)
    assert "2 s: connection refused" in answer.reason
    assert len(registry.asked) > 1


async def test_a_registry_that_hangs_the_engine_too_holds_no_lane_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Away, "fault", EngineAway("gave no answer within 30 s"))
    registry = Registry({}, RegistryAway("connection refused"))
    answer = await wanted(registry).find(deployment(), target(), Memory())
    assert isinstance(answer, Faulted)
    assert "2 s: connection refused" in answer.reason


async def test_a_digest_by_hand_has_the_tag_that_it_was_deployed_under() -> None:
    good = Good(digest=digest("2"), tag="1.2", image_id="earlier", at=utc_now())
    back = deployment(Trigger.ROLLBACK, to_digest=digest("2"), tag=None)
    running = target({"semver": "^1"}, tag="1.3")
    found = await wanted(Registry({})).find(back, running, Memory(good=(good,)))
    assert found == Resolved(digest("2"), "1.2")


async def test_a_glance_asks_once() -> None:
    registry = Registry({}, RegistryAway("connection refused"))
    with pytest.raises(RegistryAway, match="connection refused"):
        await wanted(registry).glance(deployment(Trigger.RECONCILE), target(), Memory())
    assert len(registry.asked) == 1


def service() -> Target:
    return target().model_copy(update={"driver": "swarm"})


@pytest.mark.parametrize("fault", [NotFound("it has no such digest"), Denied("it wants a login")])
async def test_a_digest_by_hand_that_no_node_could_pull_never_reaches_swarm(
    fault: Exception,
) -> None:
    registry = Registry({}, fault)
    by_hand = deployment(Trigger.MANUAL, to_digest=digest("2"))
    assert await wanted(registry).find(by_hand, service(), Memory()) == Faulted(str(fault))
    # Nodes may still have what they ran before.
    back = deployment(Trigger.ROLLBACK, to_digest=digest("2"))
    found = Resolved(digest("2"), "latest")
    assert await wanted(registry).find(back, service(), Memory()) == found
    # A container's image is pulled before anything is stopped.
    assert await wanted(registry).find(by_hand, target(), Memory()) == found
    assert len(registry.asked) == 1


async def test_a_registry_that_is_away_keeps_no_digest_from_swarm() -> None:
    by_hand = deployment(Trigger.MANUAL, to_digest=digest("2"))
    found = Resolved(digest("2"), "latest")
    for registry in (Registry({digest("2"): digest("2")}), Registry({}, RegistryAway("503"))):
        assert await wanted(registry).find(by_hand, service(), Memory()) == found
        assert len(registry.asked) == 1


async def doubted(
    registry: Registry, pushed: Deployment, memory: Memory | None = None
) -> tuple[str, list[Deployment]]:
    """Why nothing is done, and what the registry shall be asked for again."""
    doubts: list[Deployment] = []
    finding = wanted(registry)
    finding.doubt = doubts.append
    found = await finding.find(pushed, target(), memory or Memory())
    assert isinstance(found, Nothing)
    assert await finding.glance(pushed, target(), memory or Memory()) == found
    assert len(registry.asked) == 2, "nobody waits in the lane"
    return found.reason, doubts[::2]


async def test_a_registry_that_says_the_digest_from_before_the_push_is_asked_again_later() -> None:
    stale = {"latest": digest("1")}
    pushed = deployment(hint=digest("3"), received_at=utc_now())
    more = f"; {digest('3')} was pushed, so the registry is asked again soon"
    reason, doubts = await doubted(Registry(stale), pushed)
    assert reason == f"already runs {digest('1')}{more}"
    assert doubts == [pushed]
    # It was taken back, and what mends it is pushed.
    reason, doubts = await doubted(Registry({"latest": digest("2")}), pushed, BAD)
    assert reason.startswith(f"{digest('2')} is known to be bad")
    assert reason.endswith(more)
    assert doubts == [pushed]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"hint": digest("1")},
        # The engine knows what runs by several digests, the memory by the one it was deployed as.
        {"hint": "sha256:id"},
        {"hint": digest("4")},
        {"hint": digest("3"), "received_at": utc_now() - timedelta(minutes=2)},
        {"hint": digest("3"), "received_at": None},
        {"hint": digest("3"), "trigger": Trigger.RECONCILE},
    ],
)
async def test_it_is_not_asked_again_where_the_push_tells_nothing_else(
    facts: dict[str, Any],
) -> None:
    good = Good(digest=digest("4"), tag="latest", image_id="running", at=utc_now())
    pushed = deployment(**{"received_at": utc_now(), **facts})
    said = Registry({"latest": digest("1")})
    reason, doubts = await doubted(said, pushed, Memory(good=(good,)))
    assert (reason, doubts) == (f"already runs {digest('1')}", [])
