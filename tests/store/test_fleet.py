"""Many hosts: which of them live, and what is left of one that is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from listener.model.base import utc_now
from listener.model.notice import notice_of
from listener.model.target import Memory, Pause
from listener.model.view import HostView, TargetView
from listener.store import (
    Archive,
    Command,
    Fleet,
    Lane,
    Lease,
    Ledger,
    OutboxEntry,
    PushAck,
    PushLog,
    Store,
)

from .conftest import DEADLINE, a_deployment, a_journal, a_push, finished


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store)


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(store)


def seen(host: str) -> HostView:
    return HostView(name=host, engine_id=f"engine-{host}", last_seen=utc_now())


async def settle(store: Store, host: str, *, ttl: float = 10.0) -> tuple[Lease, Ledger]:
    """A worker as it begins: with its lease, and shown."""
    lease = Lease(store, f"engine-{host}", f"owner-{host}", host, ttl=ttl)
    assert await lease.acquire()
    ledger = Ledger(store, lease, host)
    view = TargetView(name="web", host=host, driver="container", image="docker.io/team/web")
    await ledger.publish([view], seen(host))
    return lease, ledger


async def live_a_while(store: Store, host: str) -> Lease:
    """Reads a push, ends one deployment, has another one under way, is told a third."""
    lease, ledger = await settle(store, host)
    ledger.notices = lambda one: [OutboxEntry(notifier="ops", notice=notice_of(one, utc_now()))]
    archive, log = Archive(store), PushLog(store)
    await log.append([(a_push(), f"key-{host}")])
    await log.read(host, 10, 0.01)
    ended, running = a_deployment("web", host), a_deployment("web", host)
    for entry, push in await log.read(host, 10, 0.01):
        ack = PushAck(entry_id=entry, push_id=push.id)
        await ledger.admit([ended], {"web": Lane(running=ended.id)}, pushes=[ack])
    pause = Pause(reason="look", at=utc_now())
    lanes = {"web": Lane(running=running.id)}
    await ledger.finish(finished(ended), lanes=lanes, memory=Memory(), pause=pause)
    await ledger.save(a_journal(running))
    asked = Command(kind="deploy", deployment=a_deployment("web", host))
    await archive.submit(host, asked)
    return lease


async def test_a_host_lives_as_long_as_its_lease(store: Store, fleet: Fleet) -> None:
    lease, _ = await settle(store, "h1", ttl=60)
    await settle(store, "h2", ttl=3)
    hosts = [seen("h1"), seen("h2"), HostView(name="h3", last_seen=utc_now())]
    assert await fleet.alive(hosts) == {"h1", "h2"}
    async with asyncio.timeout(DEADLINE):  # the other one says nothing any more
        while await fleet.alive(hosts) != {"h1"}:
            pass
    await lease.release()
    assert await fleet.alive(hosts) == frozenset()


async def test_nothing_is_left_of_a_host_that_is_forgotten(
    store: Store, fleet: Fleet, archive: Archive
) -> None:
    await live_a_while(store, "h2")
    others = set(await store.call("KEYS", "*h2*"))
    lease = await live_a_while(store, "h1")
    assert not await fleet.forget(seen("h1")), "it is alive"
    assert [host.name for host in await archive.hosts()] == ["h1", "h2"]
    await lease.release()

    assert await fleet.forget(seen("h1"))
    assert await store.call("KEYS", "*h1*") == []
    assert set(await store.call("KEYS", "*h2*")) == others
    assert [host.name for host in await archive.hosts()] == ["h2"]
    assert list(await archive.pauses()) == [("web", "h2")]
    assert {each.host for each in await archive.deployments()} == {"h2"}
    groups = await store.call("XINFO", "GROUPS", "listener:pushes")
    assert [dict(zip(g[::2], g[1::2], strict=True))["name"] for g in groups] == ["host:h2"]
    assert await fleet.forget(seen("h1")), "saying it twice is no mistake"


async def test_a_host_that_was_forgotten_may_come_back(
    store: Store, fleet: Fleet, archive: Archive
) -> None:
    lease = await live_a_while(store, "h1")
    await lease.release()
    assert await fleet.forget(seen("h1"))
    again, _ = await settle(store, "h1")
    assert await fleet.alive(await archive.hosts()) == {"h1"}
    assert len(await PushLog(store).read("h1", 10, 0.01) or ()) == 0  # makes its group
    assert len(await PushLog(store).read("h1", 10, 0.01)) == 1, "it catches up"
    await again.release()


async def test_a_host_under_a_new_name_keeps_its_lease(store: Store, fleet: Fleet) -> None:
    lease = await live_a_while(store, "h1")
    await lease.release()
    renamed = Lease(store, "engine-h1", "owner-h1", "h9")
    assert await renamed.acquire()
    assert await fleet.forget(seen("h1"))
    await renamed.guard()
    assert await store.call("KEYS", "*:h1*") == []


async def test_a_zombie_of_a_forgotten_host_writes_nothing(store: Store, fleet: Fleet) -> None:
    lease, ledger = await settle(store, "h1", ttl=0.2)
    await asyncio.sleep(0.25)
    assert await fleet.forget(seen("h1"))
    with pytest.raises(Exception, match="no longer holds the lease"):
        await ledger.publish([], seen("h1"))
    assert await store.call("KEYS", "*h1*") == []
    assert lease.lost.is_set()
