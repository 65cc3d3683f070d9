"""What the listener adds to a swap: to its start, and to its gap.

By hand, the same calls are made one after the other through the same client; the gap is that of
two prepared containers, stopped and started back to back. Both are read from the engine's clock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path

from bench.figure import Figure, median
from listener.demo.app import PORT, Release
from listener.demo.engine import find_engine
from listener.demo.ports import free_port
from listener.demo.world import World
from listener.drivers.engine import Engine

_ROUNDS = 9


def measure(directory: Path) -> list[Figure]:
    """Rounds by the listener and by hand, in turn."""
    engine = find_engine()
    settings = {"defaults": {"health": {"settle": "0s"}, "debounce": "0s"}}
    ours: list[float] = []
    gaps: list[float] = []
    by_hand: list[float] = []
    hand_gaps: list[float] = []
    try:
        with World(engine, directory, settings=settings) as world:
            world.begin("web")
            hand = _Hand(world)
            for number in range(_ROUNDS):
                seconds, gap = _deploy(world, f"{number}-ours")
                ours.append(seconds)
                gaps.append(gap)
                seconds, gap = asyncio.run(hand.swap(f"{number}-hand"))
                by_hand.append(seconds)
                hand_gaps.append(gap)
    finally:
        engine.stop()
    added = median(ours) - median(by_hand)
    return [
        Figure(
            "push received → new container started, beyond the same calls",
            added * 1000,
            "ms",
            f"{median(ours) * 1000:.0f} ms, by hand {median(by_hand) * 1000:.0f} ms",
            most=150,
        ),
        Figure(
            "gap of recreate against stop + start by hand",
            median(gaps) / median(hand_gaps),
            "×",
            f"{median(gaps) * 1000:.0f} ms against {median(hand_gaps) * 1000:.0f} ms",
            most=1.15,
        ),
    ]


def _deploy(world: World, version: str) -> tuple[float, float]:
    digest = world.push("web", Release(version))
    done = world.listener.deployment_of(world.name("web"), digest)
    assert done["state"] == "succeeded", done
    push = next(one for one in world.listener.pushes() if one["digest"] == digest)
    started = _moment(world.container("web")["State"]["StartedAt"])
    return started - _moment(push["received_at"]), float(done["gap_seconds"])


class _Hand:
    """The calls that a swap makes of the engine, made by hand on a container of the same kind."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._port = free_port()
        self._old = ""
        self._image = ""

    async def swap(self, version: str) -> tuple[float, float]:
        """Seconds from the push to the start, and of the gap."""
        engine = Engine(self._world.engine.url)
        await engine.connect()
        try:
            if not self._old:
                await self._swap(engine, f"{version}-first")
            return await self._swap(engine, version)
        finally:
            await engine.close()

    async def _swap(self, engine: Engine, version: str) -> tuple[float, float]:
        digest = self._world.push("hand", Release(version))
        name, before = self._world.name("hand"), self._world.name("hand-before")
        began = time.time()
        await self._look(engine)
        image = await self._pull(engine, digest)
        new = await self._create(engine, f"{name}-new")
        await engine.inspect_container(new)
        if self._old:
            await engine.inspect_container(self._old)
            await engine.rename(self._old, before)
        await engine.rename(new, name)
        if self._old:
            await engine.stop(self._old, 10)
        await engine.start(new)
        started = _moment((await engine.inspect_container(new))["State"]["StartedAt"])
        gap = 0.0
        if self._old:
            ended = (await engine.inspect_container(self._old))["State"]["FinishedAt"]
            gap = started - _moment(ended)
            await engine.remove(self._old, volumes=True, force=True)
        self._old, self._image = new, image
        return started - began, gap

    async def _look(self, engine: Engine) -> None:
        """What runs now, and what it came from."""
        if self._old:
            await engine.inspect_container(self._old)
            await engine.inspect_image(self._image)

    async def _pull(self, engine: Engine, digest: str) -> str:
        """The new image, under the name that the container has it by; the old one keeps one."""
        repository = f"{self._world.registry.host}/{self._world.repository('hand')}"
        image = str((await engine.pull(repository, digest, None))["Id"])
        await engine.tag_image(image, repository, "new")
        if self._old:
            await engine.tag_image(self._image, repository, "before")
        await engine.tag_image(image, repository, "latest")
        return image

    async def _create(self, engine: Engine, name: str) -> str:
        published = [{"HostIp": "127.0.0.1", "HostPort": str(self._port)}]
        body = {
            "Image": self._world.image("hand"),
            "HostConfig": {
                "PortBindings": {f"{PORT}/tcp": published},
                "RestartPolicy": {"Name": "unless-stopped"},
            },
        }
        await engine.remove(name, volumes=True, force=True)
        new, _ = await engine.create_container(name, body)
        await engine.inspect_container(new)
        await engine.inspect_image(self._world.image("hand"))
        return new


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
