"""Whatever Redis refuses becomes one exception, and what it risks is said."""

from __future__ import annotations

import asyncio
import signal

import pytest
from redis.exceptions import ResponseError

from listener.store import (
    Incoming,
    NewerSchema,
    PushLog,
    Store,
    Unavailable,
    client,
    connect,
    durability,
    keys,
)

from .conftest import Server, a_push


async def append(store: Store) -> None:
    push = a_push()
    await PushLog(store).append([(push, push.id)])


async def test_out_of_memory(server: Server, own_store: Store) -> None:
    await append(own_store)
    await own_store.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(Unavailable, match=r"refuses: .*memory"):
        await append(own_store)
    await own_store.call("CONFIG", "SET", "maxmemory", "0")
    await append(own_store)
    assert await own_store.call("XLEN", keys.PUSHES) == 2


async def test_a_rewrite_of_the_append_only_file_under_load(
    server: Server, own_store: Store
) -> None:
    acknowledged: list[str] = []

    async def receive() -> None:
        log = PushLog(own_store)
        while True:
            push = a_push()
            await log.append([(push, push.id)])
            acknowledged.append(push.id)

    receiving = [asyncio.create_task(receive()) for _ in range(4)]
    await own_store.call("BGREWRITEAOF")
    before = len(acknowledged)
    while (
        "aof_rewrite_in_progress:1" in await own_store.call("INFO", "persistence")
        or len(acknowledged) == before
    ):
        pass
    # Killed in the middle of a second one.
    await own_store.call("BGREWRITEAOF")
    server.kill()
    ended = await asyncio.gather(*receiving, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in ended)
    server.start()
    kept = {record.push.id for record in await Incoming(own_store).pushes(100_000)}
    assert set(acknowledged) <= kept


async def test_a_replica(server: Server, own_store: Store) -> None:
    await append(own_store)
    await own_store.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(Unavailable, match=r"refuses: .*read only"):
        await append(own_store)
    with pytest.raises(Unavailable, match=r"refuses: .*read only"):
        await durability(own_store)


async def test_too_few_replicas(server: Server, own_store: Store) -> None:
    await own_store.call("CONFIG", "SET", "min-replicas-to-write", "1")
    with pytest.raises(Unavailable, match="refuses: NOREPLICAS"):
        await append(own_store)


async def test_a_user_without_rights(server: Server, own_store: Store) -> None:
    await own_store.call("ACL", "SETUSER", "small", "on", ">pw", "~*", "+ping")
    store = await connect(f"unix://small:pw@{server.socket}")
    with pytest.raises(Unavailable) as caught:
        await append(store)
    assert "pw" not in str(caught.value)
    await store.close()


async def test_a_wrong_password_is_not_shown(server: Server, own_store: Store) -> None:
    store = await connect(f"unix://:hunter2@{server.socket}")
    await own_store.call("CONFIG", "SET", "requirepass", "other")
    with pytest.raises(Unavailable) as caught:
        await append(store)
    assert "hunter2" not in str(caught.value)
    await store.close()


async def test_a_hanging_server(
    server: Server, own_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_store.look()
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as impatient:
        impatient.setattr(client, "COMMAND_TIMEOUT", 0.5)
        async with asyncio.timeout(6):
            with pytest.raises(Unavailable, match=r"does not answer within 0\.5 s"):
                await append(own_store)
    server.process.send_signal(signal.SIGCONT)
    await append(own_store)


async def test_a_server_that_is_not_there_yet(server: Server) -> None:
    server.kill()
    store = await connect(server.url)
    with pytest.raises(Unavailable):
        await store.look()
    server.start()
    await append(store)
    await store.close()


async def test_a_server_that_still_loads(server: Server, own_store: Store) -> None:
    await append(own_store)
    await own_store.pipe([("SET", f"filler-{number}", "x") for number in range(20_000)])
    server.kill()
    starting = asyncio.create_task(asyncio.to_thread(server.start, "--key-load-delay", "50"))
    said: set[str] = set()
    while not starting.done():
        try:
            await own_store.look()
        except Unavailable as fault:
            said.add(str(fault))
    await starting
    assert [text for text in said if "loading" in text], said
    await append(own_store)
    assert await own_store.call("XLEN", keys.PUSHES) == 2


async def test_a_mistake_of_ours_is_not_hidden(store: Store) -> None:
    await store.call("SET", keys.PUSHES, "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await append(store)


async def test_a_newer_layout_is_refused(server: Server, own_store: Store) -> None:
    await own_store.call("SET", keys.SCHEMA, 2)
    with pytest.raises(NewerSchema, match="layout 2, this release knows 1"):
        await connect(server.url)


async def test_addresses() -> None:
    with pytest.raises(ValueError, match="address of Redis: write it like"):
        await connect("http://localhost")


async def test_lost_scripts_are_loaded_again(store: Store) -> None:
    await append(store)
    await store.call("SCRIPT", "FLUSH")
    await append(store)


@pytest.mark.parametrize(
    ("settings", "durable", "finding"),
    [
        ({}, True, None),
        ({"appendfsync": "everysec"}, False, "a power failure can lose 2 s"),
        ({"appendfsync": "no"}, False, "a power failure can lose 30 s"),
        ({"appendonly": "no"}, False, "no append-only file"),
        (
            {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"},
            False,
            "maxmemory-policy allkeys-lru deletes data",
        ),
    ],
)
async def test_durability(
    own_store: Store, settings: dict[str, str], durable: bool, finding: str | None
) -> None:
    for name, value in settings.items():
        await own_store.call("CONFIG", "SET", name, value)
    verdict = await durability(own_store)
    assert verdict.durable is durable
    assert [text for text in verdict.findings if finding is None or finding not in text] == []
    assert bool(verdict.findings) is (finding is not None)


@pytest.mark.parametrize("forbidden", ["-config", "-info"])
async def test_what_may_not_be_asked_is_unknown(
    server: Server, own_store: Store, forbidden: str
) -> None:
    await own_store.call("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", forbidden)
    store = await connect(f"unix://app:pw@{server.socket}")
    verdict = await durability(store)
    assert verdict.durable is None
    assert all(text.startswith("unknown") for text in verdict.findings)
    assert verdict.findings
    await store.close()


async def test_a_cancellation_is_never_lost(own_store: Store) -> None:
    """Whatever the moment: also when the command has just been sent or answered."""

    async def go_on() -> None:
        while True:
            await own_store.call("PING")

    for moment in range(100):
        task = asyncio.create_task(go_on())
        for _ in range(moment % 20):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1)
        assert done, f"it went on after {moment % 20} steps"
