"""What tests on the real engine share."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cloning import NEW_DEFAULTS, OLD_DEFAULTS, Cloning, load_image
from misbehaving import Misbehaving

from listener.demo.app import Release, build
from listener.demo.engine import LABEL
from listener.demo.engine import Engine as DockerCli
from listener.demo.gate import EngineGate
from listener.demo.world import World
from listener.drivers.engine import Engine

Connect = Callable[[str], Awaitable[Engine]]


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A world without the pause after a deployment in which the events of a push are gathered."""
    return make_world(settings=_settings())


@pytest.fixture
def gated(make_world: Callable[..., World]) -> tuple[World, EngineGate]:
    """The same, and the gate between its listener and the engine."""
    made = make_world(settings=_settings(), gated=True)
    assert made.gate is not None
    return made, made.gate


def _settings() -> dict[str, Any]:
    return {"defaults": {"health": {"settle": "1s"}, "debounce": "200ms"}}


@pytest.fixture(scope="session")
def stock(engine: DockerCli) -> Iterator[dict[str, str]]:
    """The two images between which containers are cloned, by their names on a workbench."""
    name = f"lt-stock-{secrets.token_hex(3)}"
    made = {"1": f"{name}:1", "2": f"{name}:2"}
    for tag, defaults in (("1", OLD_DEFAULTS), ("2", NEW_DEFAULTS)):
        load_image(engine, made[tag], defaults, {})
    yield made
    engine.docker("rmi", "-f", *made.values())


@pytest.fixture
async def bench(engine: DockerCli, stock: dict[str, str]) -> AsyncIterator[Cloning]:
    """A workbench with the two images; what was made on it is removed after the test."""
    driver = Engine(engine.listener_url)
    await driver.connect()
    made = Cloning(engine, driver, stock)
    try:
        yield made
    finally:
        made.clean()
        await driver.close()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects the program to an engine by its URL; all connections end with the test."""
    made: list[Engine] = []

    async def to(url: str) -> Engine:
        made.append(Engine(url))
        await made[-1].connect()
        return made[-1]

    yield to
    for connection in made:
        await connection.close()


@pytest.fixture
async def client(engine: DockerCli, connect: Connect) -> Engine:
    """The program's own connection to the engine of this machine."""
    return await connect(engine.listener_url)


@pytest.fixture
def session(engine: DockerCli) -> Iterator[str]:
    """The label of what a test makes; everything that bears it is removed afterwards."""
    name = f"lt-engine-{secrets.token_hex(4)}"
    yield name
    engine.clean(name)


@pytest.fixture
def busybox(engine: DockerCli, session: str) -> str:
    """The name of an image with a shell, its own to this test."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(Path("/bin/busybox").resolve(), "bin/busybox")
        for applet in ("sh", "sleep", "echo", "printf", "true"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    name = f"{session}:box"
    change = f"LABEL {LABEL}={session}"
    engine.docker("import", "--change", change, "-", name, feed=archive.getvalue())
    return name


@pytest.fixture
async def misbehaving(session: str) -> AsyncIterator[Misbehaving]:
    """A registry that does what the test wants; holds one image that no other test has."""
    registry = Misbehaving(build(Release(version=session), {LABEL: session}))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", registry.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry.host = f"127.0.0.1:{runner.addresses[0][1]}"
    yield registry
    registry.released.set()
    await runner.cleanup()
