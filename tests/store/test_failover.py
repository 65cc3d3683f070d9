"""Under Sentinels what was acknowledged outlives the master, and one worker has the lease."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import pytest

from lab.sentinels import SERVICE, Sentineled
from listener.model.push import Push
from listener.store import (
    Incoming,
    Lease,
    LeaseLost,
    PushLog,
    Store,
    Unavailable,
    connect,
    durability,
)
from listener.store.lease import Transaction

from .conftest import DEADLINE, a_push

Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def sentineled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentineled]:
    with Sentineled(tmp_path_factory.mktemp("sentineled")) as running:
        yield running


@pytest.fixture
async def store(sentineled: Sentineled) -> AsyncIterator[Store]:
    sentineled.wait_for_replicas()
    found = await connect(sentineled.url)
    yield found
    await found.close()


async def answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """What Redis answers once it can: asked again while replicas or a new master are not there."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_push_counts_once_a_replica_has_it(sentineled: Sentineled, store: Store) -> None:
    master = sentineled.master
    assert store.where == f"127.0.0.1:{master.port} (the master of {SERVICE})"
    push = a_push()
    replicas = [server for server in sentineled.servers if server is not master]
    for replica in replicas:
        replica.process.signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match=r"no replica of Redis at .* took a write within 1 s"):
            await PushLog(store).append([(push, push.id)])
    finally:
        for replica in replicas:
            replica.process.signal(signal.SIGCONT)
    again = await answered(lambda: PushLog(store).append([(push, push.id)]))
    assert again == [(push.id, False)]
    assert len(await Incoming(store).pushes(10)) == 1


async def test_what_a_failover_can_lose_is_told(store: Store) -> None:
    [finding] = (await durability(store)).findings
    assert finding.startswith("min-replicas-to-write 0")
    await store.call("CONFIG", "SET", "min-replicas-to-write", 1)
    assert (await durability(store)).durable is True
    await store.call("CONFIG", "SET", "min-replicas-to-write", 0)


async def test_without_a_majority_nobody_is_master(sentineled: Sentineled, store: Store) -> None:
    lease = Lease(store, "engine", "a", "h1")
    assert await lease.acquire()
    with sentineled.one_sentinel_left(), pytest.raises(Unavailable, match="no majority of its 3"):
        await lease.write(Transaction())
    await lease.write(Transaction())


async def test_an_old_master_that_comes_back_gives_no_second_holder(
    sentineled: Sentineled, store: Store
) -> None:
    """A worker and its master freeze together, and wake up before any Sentinel sees it."""
    frozen = Lease(store, "engine-2", "a", "h1", ttl=1.0)
    assert await frozen.acquire()
    old = sentineled.master
    old.process.signal(signal.SIGSTOP)
    sentineled.wait_for_another(old)
    other = await connect(sentineled.url)
    second = Lease(other, "engine-2", "b", "h2")
    async with asyncio.timeout(DEADLINE):
        while not await answered(second.acquire):
            pass
    old.process.signal(signal.SIGCONT)
    with pytest.raises(LeaseLost):
        await frozen.guard()
    await second.guard()
    assert second.fence > frozen.fence
    await other.close()


async def taken(log: PushLog, push: Push) -> bool:
    try:
        [(stored, _)] = await log.append([(push, push.id)])
    except Unavailable:
        return False
    assert stored == push.id
    return True


async def test_the_master_dies_under_load(sentineled: Sentineled, store: Store) -> None:
    acknowledged: list[str] = []
    begun, refused, back, enough = (asyncio.Event() for _ in range(4))

    async def receive() -> None:
        """A registry: it repeats until it is taken."""
        log = PushLog(store)
        while not enough.is_set():
            push = a_push()
            while not await taken(log, push):
                refused.set()
                await asyncio.sleep(0.05)
            acknowledged.append(push.id)
            begun.set()
            if back.is_set():
                enough.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(receive())
        async with asyncio.timeout(DEADLINE):
            await begun.wait()
        old = sentineled.master
        old.kill()
        await refused.wait()
        new = await asyncio.to_thread(sentineled.wait_for_another, old)
        back.set()
        async with asyncio.timeout(DEADLINE):
            await enough.wait()
        # The old one comes back and follows.
        old.start()
    kept = [record.push.id for record in await Incoming(store).pushes(100_000)]
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert store.where.startswith(f"127.0.0.1:{new.port} ")
