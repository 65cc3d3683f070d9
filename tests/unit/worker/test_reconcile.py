"""A registry that still says the old digest after a push: it is asked again, and the push found."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from listener.deploy.outcomes import Nothing, Resolved
from listener.deploy.wanted import Wanted
from listener.drivers.errors import EngineAway
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Trigger, new_deployment_id
from listener.model.tag_policy import TagPolicy
from listener.model.target import Good, Memory, Target, TargetSettings
from listener.worker import reconcile as module
from listener.worker.admission import Admission
from listener.worker.lanes import Lanes
from listener.worker.overview import Overview
from listener.worker.reconcile import Reconcile

OLD, NEW = ("sha256:" + digit * 64 for digit in "12")
WEB = Target(
    name="web",
    host="h1",
    settings=TargetSettings(reconcile=0),
    image="docker.io/team/web",
    policy=TagPolicy(exact="latest"),
    digests=(OLD,),
)


class Host:
    """A host with one target, whose registry says the old digest for some looks."""

    seen: tuple[Target, ...] = (WEB,)

    def __init__(self, stale: int) -> None:
        self.stale, self.asked = stale, 0
        self.busy: str | None = None
        self.before: Deployment | None = None
        self.good: tuple[Good, ...] = ()
        self.queued: list[Deployment] = []
        whole = cast(Any, self)
        lanes, overview = cast(Lanes, whole), cast(Overview, whole)
        admission, wanted = cast(Admission, whole), cast(Wanted, whole)
        self.reconcile = Reconcile(
            "h1", whole, wanted, overview, lanes, admission, wake=lambda: None
        )

    async def targets(self) -> list[Target]:
        return [WEB]

    async def memory(self, _: str) -> Memory:
        return Memory(good=self.good)

    async def glance(self, *_: object) -> Resolved | Nothing:
        self.asked += 1
        if self.asked <= self.stale:
            return Nothing(f"already runs {OLD}", OLD)
        return Resolved(NEW, "latest")

    def running(self, _: str) -> str | None:
        return self.busy

    def waiting(self, _: str) -> Deployment | None:
        return self.queued[-1] if self.queued else None

    async def last(self, _: str) -> Deployment | None:
        return self.before

    async def missed(self, deployment: Deployment) -> None:
        self.queued.append(deployment)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS_AGAIN", (0.0, 0.01, 0.02))
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(module, "_NOTIFIED_WITHIN", 0.0)


def skipped() -> Deployment:
    now = utc_now()
    return Deployment(
        id=new_deployment_id(now),
        target="web",
        host="h1",
        trigger=Trigger.PUSH,
        image="docker.io/team/web",
        hint=NEW,
        pushes=("push-1",),
        received_at=now,
        queued_at=now,
    )


async def test_a_push_that_the_registry_says_late_is_deployed_as_that_push() -> None:
    host, push = Host(stale=1), skipped()
    host.reconcile.doubt(push)
    for _ in range(4):
        await host.reconcile.look()
    (found,) = host.queued
    assert (found.trigger, found.pushes) == (Trigger.PUSH, ("push-1",))
    assert found.received_at == push.received_at


async def test_a_registry_that_never_says_it_is_asked_a_few_times_only() -> None:
    host = Host(stale=100)
    host.reconcile.doubt(skipped())
    for _ in range(8):
        await host.reconcile.look()
    assert (host.asked, host.queued) == (3, [])


async def test_a_question_that_an_engine_away_left_open_is_asked_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AFTER_A_FAULT", 0.0)
    monkeypatch.setattr(module, "_FIRST_WITHIN", 0.0)
    host = Host(stale=0)
    hourly = WEB.model_copy(update={"settings": TargetSettings(reconcile="1h")})
    host.seen, faults = (hourly,), [EngineAway("it restarts")]

    async def targets() -> list[Target]:
        if faults:
            raise faults.pop()
        return [hourly]

    monkeypatch.setattr(host, "targets", targets)
    with pytest.raises(EngineAway):
        await host.reconcile.look()
    await host.reconcile.look()
    assert [found.trigger for found in host.queued] == [Trigger.RECONCILE]


@pytest.mark.parametrize(
    ("trigger", "knows", "missed"),
    [(Trigger.MANUAL, True, 0), (Trigger.MANUAL, False, 1), (Trigger.PUSH, True, 1)],
)
async def test_what_a_person_deployed_over_what_the_tag_meant_stays(
    monkeypatch: pytest.MonkeyPatch, trigger: Trigger, knows: bool, missed: int
) -> None:
    monkeypatch.setattr(module, "_FIRST_WITHIN", 0.0)
    host = Host(stale=0)
    hourly = WEB.model_copy(update={"settings": TargetSettings(reconcile="1h")})
    host.seen = (hourly,)
    monkeypatch.setattr(host, "targets", lambda: asyncio.sleep(0, [hourly]))
    host.before = skipped().model_copy(update={"trigger": trigger, "to_digest": OLD})
    host.good = (Good(digest=NEW, at=utc_now()),) if knows else ()
    await host.reconcile.look()
    assert (host.asked, len(host.queued)) == (1, missed)


async def test_while_another_deployment_runs_nobody_asks() -> None:
    host = Host(stale=0)
    host.busy = "a newer push"
    host.reconcile.doubt(skipped())
    for _ in range(4):
        await host.reconcile.look()
    assert (host.asked, host.queued) == (0, [])


async def test_a_question_that_met_a_deployment_under_way_is_asked_soon_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_WITHIN", 0.0)
    host = Host(stale=0)
    hourly = WEB.model_copy(update={"settings": TargetSettings(reconcile="1h")})
    host.seen, host.busy = (hourly,), "one that a kill had interrupted"
    monkeypatch.setattr(host, "targets", lambda: asyncio.sleep(0, [hourly]))
    await host.reconcile.look()
    assert host.asked == 0
    host.busy = None
    await host.reconcile.look()
    await host.reconcile.look()
    assert [found.trigger for found in host.queued] == [Trigger.RECONCILE]


async def test_what_is_pinned_to_its_digest_makes_no_new_question_of_each_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_WITHIN", 0.0)
    host = Host(stale=100)
    for digest in (OLD, NEW):
        facts = {"settings": TargetSettings(reconcile="1h"), "spelling": f"web:1@{digest}"}
        pinned = WEB.model_copy(update=facts)
        host.seen = (pinned,)
        monkeypatch.setattr(host, "targets", lambda seen=pinned: asyncio.sleep(0, [seen]))
        await host.reconcile.look()
    assert host.asked == 1
