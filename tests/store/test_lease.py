"""One worker at a time changes an engine, and one that lost it finds out in time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from listener.store import Lane, Lease, LeaseLost, Ledger, Store, Unavailable, client, connect, keys
from listener.store import lease as lease_module
from listener.store.lease import Transaction

from .conftest import Server, a_deployment


def a_lease(store: Store, owner: str, ttl: float = 10.0) -> Lease:
    return Lease(store, "engine", owner, f"host-of-{owner}", ttl=ttl)


async def taken(lease: Lease) -> None:
    async with asyncio.timeout(10):
        while not await lease.acquire():
            pass


async def test_a_write_that_was_given_up_does_nothing_when_it_arrives_after_all(
    server: Server, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cable was pulled: what was sent then arrives when it is back, after what was sent later."""
    stuck, late = asyncio.Event(), asyncio.Event()
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(str(server.socket))
        while data := await reader.read(65536):
            held_up = stuck.is_set() and b"EVALSHA" in data
            if held_up:
                stuck.clear()
                await late.wait()
            forth.write(data)
            answer = await back.read(65536)
            if held_up:
                arrived.set_result(answer)
                break
            writer.write(answer)
        forth.close()
        writer.close()

    proxy = await asyncio.start_unix_server(relay, str(directory / "p"))
    store = await connect(f"unix://{directory / 'p'}")
    lease = a_lease(store, "a")
    await taken(lease)
    await lease.write(Transaction())
    old, new = Transaction(), Transaction()
    old.add("SET", "listener:record", "watching")
    new.add("SET", "listener:record", "succeeded")
    with monkeypatch.context() as impatient:
        impatient.setattr(client, "COMMAND_TIMEOUT", 0.3)
        stuck.set()
        with pytest.raises(Unavailable):
            await lease.write(old)
    await lease.write(new)
    late.set()
    assert await arrived == b":-1\r\n"
    assert await store.call("GET", "listener:record") == "succeeded"
    await lease.write(Transaction())
    await store.close()
    proxy.close()


async def test_writes_that_overtake_each_other_are_all_done(store: Store) -> None:
    lease = a_lease(store, "a")
    await taken(lease)
    steps = [Transaction() for _ in range(50)]
    for number, step in enumerate(steps):
        step.add("HSET", "listener:all", str(number), "1")
    await asyncio.gather(*(lease.write(step) for step in steps))
    assert await store.call("HLEN", "listener:all") == 50


async def test_a_second_worker_waits_until_the_first_gives_it_back(store: Store) -> None:
    first, second = a_lease(store, "a"), a_lease(store, "b")
    assert await first.acquire()
    assert not await second.acquire()
    holder = await second.holder()
    assert holder is not None
    assert (holder.owner, holder.host, holder.fence) == ("a", "host-of-a", first.fence)
    await first.release()
    assert await second.holder() is None
    assert await second.acquire()
    assert second.fence > first.fence


async def test_a_lease_that_is_not_renewed_runs_out(store: Store) -> None:
    first, second = a_lease(store, "a", ttl=0.3), a_lease(store, "b")
    assert await first.acquire()
    await taken(second)
    with pytest.raises(LeaseLost):
        await first.guard()
    assert first.lost.is_set()


async def test_the_same_instance_takes_over_at_once(store: Store) -> None:
    before, after = a_lease(store, "a"), a_lease(store, "a")
    assert await before.acquire()
    assert await after.acquire()
    assert after.fence > before.fence
    with pytest.raises(LeaseLost):
        await before.guard()
    await after.guard()


async def test_a_lease_that_ran_out_and_nobody_took_goes_on(store: Store) -> None:
    lease = a_lease(store, "a")
    assert await lease.acquire()
    await store.call("DEL", keys.lease("engine"))
    await lease.guard()
    assert not await a_lease(store, "b").acquire()


async def test_one_that_came_and_went_in_between_is_noticed(store: Store) -> None:
    first, second = a_lease(store, "a"), a_lease(store, "b")
    assert await first.acquire()
    await store.call("DEL", keys.lease("engine"))
    assert await second.acquire()
    await second.release()
    with pytest.raises(LeaseLost):
        await first.guard()


async def test_after_deleted_data_the_lease_is_lost_and_the_fence_still_grows(
    store: Store,
) -> None:
    lease = a_lease(store, "a")
    for _ in range(3):
        assert await lease.acquire()
    await store.call("FLUSHALL")
    with pytest.raises(LeaseLost):
        await lease.guard()
    assert await lease.acquire()
    assert lease.fence == 4
    assert not lease.lost.is_set()


async def test_a_released_lease_writes_nothing(store: Store) -> None:
    lease = a_lease(store, "a")
    assert await lease.acquire()
    await lease.release()
    with pytest.raises(LeaseLost):
        await Ledger(store, lease, "h1").admit([], {"web": Lane(running="x")})
    assert await store.call("EXISTS", keys.lanes("h1")) == 0
    with pytest.raises(LeaseLost):
        await lease.guard()


async def test_the_fence_stops_every_write_of_the_old_holder(store: Store) -> None:
    first, second = a_lease(store, "a"), a_lease(store, "b")
    assert await first.acquire()
    await store.call("DEL", keys.lease("engine"))
    assert await second.acquire()
    old, new = Ledger(store, first, "h1"), Ledger(store, second, "h1")
    await new.admit([], {"web": Lane(running="new")})
    deployment = a_deployment()
    with pytest.raises(LeaseLost):
        await old.admit([deployment], {"web": Lane(running="old")})
    assert (await new.lanes())["web"].running == "new"
    assert await store.call("EXISTS", keys.deployment(deployment.id)) == 0


async def test_the_guard_passes_while_redis_is_away_and_nobody_can_have_it(
    server: Server, own_store: Store
) -> None:
    lease = a_lease(own_store, "a", ttl=20.0)
    assert await lease.acquire()
    server.kill()
    async with asyncio.timeout(10):
        await lease.guard()


async def test_the_guard_waits_past_the_deadline_and_goes_on_when_redis_is_back(
    server: Server, own_store: Store
) -> None:
    lease = a_lease(own_store, "a", ttl=1.0)
    assert await lease.acquire()
    server.kill()
    await asyncio.sleep(1.0)
    guarding = asyncio.create_task(lease.guard())
    await asyncio.sleep(0.8)
    assert not guarding.done(), "it passed although the lease had run out"
    server.start()
    async with asyncio.timeout(5):
        await guarding


async def test_the_guard_finds_the_lease_taken_when_redis_is_back(
    server: Server, own_store: Store
) -> None:
    lease = a_lease(own_store, "a", ttl=1.0)
    assert await lease.acquire()
    server.kill()
    await asyncio.sleep(1.0)
    server.start()
    other_store = await connect(server.url)
    assert await a_lease(other_store, "b").acquire()
    with pytest.raises(LeaseLost):
        await lease.guard()
    await other_store.close()


async def test_a_process_stopped_after_the_answer_asks_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps past the deadline between the answer of Redis and the return."""
    lease = a_lease(store, "a")
    assert await lease.acquire()
    clock, asked = lease_module._now, []
    run = store.run

    async def run_then_stop(*arguments: object) -> object:
        answer = await run(*arguments)  # type: ignore[arg-type]
        asked.append(answer)
        if len(asked) == 1:
            monkeypatch.setattr(lease_module, "_now", lambda: clock() + 60)
        return answer

    monkeypatch.setattr(store, "run", run_then_stop)
    await lease.guard()
    assert asked == [1, 1]


ZOMBIE = """
import asyncio, sys
from listener.store import Lane, Lease, LeaseLost, Ledger, connect

async def main():
    store = await connect(sys.argv[1])
    lease = Lease(store, "engine", "zombie", "h1", ttl=1.0)
    assert await lease.acquire()
    ledger, number = Ledger(store, lease, "h1"), 0
    try:
        while True:
            await lease.guard()
            number += 1
            await ledger.admit([], {"web": Lane(running=f"zombie-{number}")})
            if number == 1:
                print("works", flush=True)
    except LeaseLost:
        print("lost", flush=True)
    await store.close()

asyncio.run(main())
"""


async def test_a_zombie_is_fenced(store: Store, shared_server: Server) -> None:
    """A worker stopped for longer than its lease comes back while another one works."""
    zombie = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ZOMBIE, shared_server.url), stdout=asyncio.subprocess.PIPE
    )
    assert zombie.stdout is not None
    assert await zombie.stdout.readline() == b"works\n"
    os.kill(zombie.pid, signal.SIGSTOP)
    lease = a_lease(store, "b")
    await taken(lease)
    ledger = Ledger(store, lease, "h1")
    await ledger.admit([], {"web": Lane(running="new")})
    os.kill(zombie.pid, signal.SIGCONT)
    async with asyncio.timeout(10):
        assert await zombie.stdout.readline() == b"lost\n"
        await zombie.wait()
    assert (await ledger.lanes())["web"].running == "new"
