"""Rollouts: host by host, in order, and what a failure or a lost host does to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from listener.model.base import utc_now
from listener.model.deployment import Trigger
from listener.model.target import Pause
from listener.model.view import HostView, TargetView
from listener.store import (
    Archive,
    Command,
    Lease,
    LeaseLost,
    Ledger,
    Part,
    Rollouts,
    Store,
    Turn,
    keys,
)

from .conftest import a_deployment

GROUP = "web:0123"
NEW, OLD, OTHER = ("sha256:" + digit * 64 for digit in "123")
GO, STOPPED = Turn(kind="go"), Turn(kind="stopped")


def wait(host: str) -> Turn:
    return Turn(kind="wait", by=f"web@{host}")


class Host:
    """A worker that takes part with its target web."""

    def __init__(self, store: Store, name: str) -> None:
        self.name, self.store = name, store
        self.lease = Lease(store, f"engine-{name}", f"owner-{name}", name)
        self.rollouts = Rollouts(store, self.lease, lost_after=60, gather=60)
        self.ledger = Ledger(store, self.lease, name)

    def hurry(self, *, gather: float) -> None:
        """Has less patience from now on."""
        self.rollouts = Rollouts(self.store, self.lease, lost_after=60, gather=gather)

    async def seconds_left(self) -> float:
        """How long it may say nothing in its turn."""
        now = int((await self.store.call("TIME"))[0])
        lost = await self.store.call("ZSCORE", keys.turns(GROUP), f"web@{self.name}")
        return float(lost) / 1000 - now

    async def falls_silent(self) -> None:
        """Is as if nothing had been heard of it for a minute, where it is in its turn."""
        await self.store.call("ZADD", keys.turns(GROUP), "XX", 1, f"web@{self.name}")

    async def arrive(self) -> None:
        assert await self.lease.acquire()
        view = TargetView(name="web", host=self.name, driver="container", image="x", rollout=GROUP)
        seen = HostView(name=self.name, engine_id=self.lease.engine_id, last_seen=utc_now())
        await self.ledger.publish([view], seen)

    def part(self, what: str = NEW) -> Part:
        return Part(GROUP, what, "web", self.name)

    async def asks(
        self, what: str = NEW, *, parallelism: int = 1, back: bool = False, deployment: str = ""
    ) -> Turn:
        return await self.rollouts.turn(
            self.part(what),
            deployment or f"d-{self.name}-{what[-1]}",
            members=await self.rollouts.members(GROUP),
            parallelism=parallelism,
            back=back,
        )

    async def done(self) -> None:
        await self.rollouts.done(self.part(), OLD)


@pytest.fixture
async def hosts(store: Store) -> Sequence[Host]:
    """Three of them, that came in no order."""
    found = {name: Host(store, name) for name in ("c", "a", "b")}
    for host in found.values():
        await host.arrive()
    return found["a"], found["b"], found["c"]


async def test_hosts_begin_in_the_order_of_their_names(hosts: Sequence[Host]) -> None:
    a, b, c = hosts
    assert await c.asks() == wait("a")
    assert await b.asks() == wait("a")
    assert await a.asks() == GO
    assert await a.asks() == GO, "asked again after a kill"
    assert await b.asks() == await c.asks() == wait("a")
    await a.done()
    assert await c.asks() == wait("b"), "b has asked and comes first"
    assert await b.asks() == GO
    await b.done()
    assert await c.asks() == GO
    await c.done()
    assert await c.rollouts.stopped(c.part()) is None


async def test_as_many_at_once_as_configured(hosts: Sequence[Host]) -> None:
    a, b, c = hosts
    assert await a.asks(parallelism=2) == GO
    assert await b.asks(parallelism=2) == GO
    assert await c.asks(parallelism=2) in (wait("a"), wait("b"))
    await b.done()
    assert await c.asks(parallelism=2) == GO


async def test_a_turn_is_one_of_the_group_whatever_the_digest(hosts: Sequence[Host]) -> None:
    a, b, _ = hosts
    assert await b.asks(OTHER) == wait("a")
    await a.rollouts.out(a.part(OTHER))
    assert await b.asks(OTHER) == GO
    assert await a.asks(NEW) == wait("b")


async def test_one_that_does_not_ask_is_waited_for_only_a_moment(hosts: Sequence[Host]) -> None:
    _, b, _ = hosts
    assert await b.asks() == wait("a")
    b.hurry(gather=0.3)
    await asyncio.sleep(0.35)
    assert await b.asks() == GO


async def test_who_is_away_or_paused_is_not_waited_for(hosts: Sequence[Host], store: Store) -> None:
    a, b, c = hosts
    await a.lease.release()
    assert await b.rollouts.members(GROUP) == ["web@b", "web@c"]
    await Archive(store).pause("b", "web", Pause(reason="look", at=utc_now()))
    assert await c.asks() == GO
    await c.done()
    await a.arrive()
    assert await a.asks() == GO, "it catches up, alone"


async def test_a_failure_stops_those_that_have_not_begun(hosts: Sequence[Host]) -> None:
    a, b, c = hosts
    await a.asks()
    await a.done()
    await b.asks()
    await b.rollouts.stop(b.part(), "web@b was rolled back: sick", for_good=True, back=False)
    assert await c.asks() == STOPPED
    stop = await c.rollouts.stopped(c.part())
    assert stop is not None
    assert stop.sentence == "web@b was rolled back: sick"
    assert stop.for_good
    assert not stop.back
    assert await c.asks(OTHER) == wait("a"), "another digest is another rollout"


async def test_those_that_were_done_are_sent_back_once(hosts: Sequence[Host], store: Store) -> None:
    a, b, c = hosts
    await a.asks()
    await a.done()
    await b.asks(back=True)
    await b.rollouts.stop(b.part(), "web@b failed: no", for_good=False, back=True)
    for host in (b, c, b):  # c too, had b been killed before it could
        stop = await host.rollouts.stopped(host.part())
        assert stop is not None
        for member, before in stop.done.items():
            assert (member, before) == ("web@a", OLD)
            asked = a_deployment("web", "a", trigger=Trigger.ROLLBACK, to_digest=before)
            command = Command(kind="rollback", deployment=asked, digest=before)
            assert await host.rollouts.send_back(host.part(), command)
            assert await host.rollouts.send_back(host.part(), command), "repeated"
    (_, command), *more = await a.ledger.read_commands(0.01)
    assert not more
    assert command.digest == OLD
    assert await Archive(store).deployment(command.deployment.id) == command.deployment


async def test_a_host_that_is_lost_in_its_turn_stops_the_others(hosts: Sequence[Host]) -> None:
    a, b, c = hosts
    assert await a.asks() == GO
    assert 30 < await a.seconds_left() <= 61
    for _ in range(3):  # it says that it goes on
        await a.falls_silent()
        await a.rollouts.keep(a.part(), "d-a-1")
        assert 30 < await a.seconds_left() <= 61
        assert await b.asks() == wait("a")
    await a.falls_silent()
    assert await b.asks() == STOPPED
    stop = await c.rollouts.stopped(c.part())
    assert stop is not None
    assert stop.sentence == "web@a was not heard of for 60 s in its turn"


async def test_a_renewal_that_comes_after_the_end_of_a_turn_changes_nothing(
    hosts: Sequence[Host], store: Store
) -> None:
    a, b, _ = hosts
    assert await a.asks() == GO
    await a.done()
    await a.rollouts.keep(a.part(), "d-a-1")
    assert await b.asks() == GO, "nobody holds a turn"
    await a.falls_silent()
    assert await b.asks() == GO, "nor is anybody missed in one"
    await b.rollouts.stop(b.part(), "web@b failed: no", for_good=False, back=True)
    await b.rollouts.keep(b.part(), "d-b-1")
    stop = await b.rollouts.stopped(b.part())
    assert stop is not None
    assert stop.done == {"web@a": OLD}
    asked = a_deployment("web", "a", trigger=Trigger.ROLLBACK, to_digest=OLD)
    command = Command(kind="rollback", deployment=asked, digest=OLD)
    assert await b.rollouts.send_back(b.part(), command)
    await a.rollouts.keep(a.part(), "d-a-1")
    assert await a.asks(OTHER) == GO, "no turn of the group is held by who failed or went back"
    state = await store.call("HGETALL", keys.rolling(GROUP, NEW))
    members = dict(zip(state[::2], state[1::2], strict=True))
    assert (members["web@a"], members["web@b"]) == (f"back {asked.id}", "out")


async def test_a_lost_host_holds_up_no_other_digest(hosts: Sequence[Host]) -> None:
    a, b, _ = hosts
    await a.rollouts.out(a.part(OTHER))
    assert await a.asks() == GO
    await a.falls_silent()
    assert await b.asks(OTHER) == GO


async def test_who_lost_its_lease_changes_nothing(hosts: Sequence[Host], store: Store) -> None:
    a, b, _ = hosts
    await a.asks()
    other = Lease(store, "engine-a", "owner-a", "a")
    assert await other.acquire()
    with pytest.raises(LeaseLost):
        await a.done()
    assert await b.asks() == wait("a")


async def test_who_left_the_rollout_is_no_member(hosts: Sequence[Host], store: Store) -> None:
    a, b, _ = hosts
    view = TargetView(name="web", host="a", driver="container", image="x", rollout=GROUP)
    seen = HostView(name="a", engine_id="engine-a", last_seen=utc_now())
    await a.ledger.publish([view.model_copy(update={"rollout": None})], seen)
    assert await b.rollouts.members(GROUP) == ["web@b", "web@c"]


async def test_all_of_it_expires(hosts: Sequence[Host], store: Store) -> None:
    a, b, _ = hosts
    await a.asks()
    await a.done()
    await b.asks()
    await b.rollouts.stop(b.part(), "no", for_good=False, back=False)
    names = (keys.rollout(GROUP), keys.rolling(GROUP, NEW))
    assert [await store.call("TTL", name) > 0 for name in names] == [True, True]
    assert await store.call("TTL", keys.rolling(GROUP, NEW)) <= 900
    await a.asks(OTHER)
    assert await store.call("TTL", keys.turns(GROUP)) > 0
