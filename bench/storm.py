"""A thousand hooks a second for a minute, while four deployments run: is anything lost?

The rate is paced by the clock in wrk itself, which shares the machine's cores with everything
else; what was really offered is in the table. Every hook is a push of its own.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from bench.apps import deploy, run_app
from bench.figure import Figure
from bench.hooks import served_by
from bench.load import Load, drive
from bench.proc import resident_megabytes
from lab.redis_server import RedisServer
from listener.demo.app import Check, Release
from listener.demo.engine import find_engine
from listener.demo.world import World
from listener.store import connect, keys

_RATE = 1_000
_SECONDS = 60
_WARM_UP = 5
_APPS = tuple(f"web-{number}" for number in range(4))
_CHECK = Check(interval=5, timeout=30)


def measure(directory: Path) -> list[Figure]:
    """wrk beside four targets that are pushed to again and again."""
    engine = find_engine()
    try:
        with (
            RedisServer(directory) as redis,
            World(engine, directory, settings={"redis": redis.url}) as world,
        ):
            for app in _APPS:
                run_app(world, app, Release("1", check=_CHECK), published=False)
            world.listener.start()
            for app in _APPS:
                world.wait_late_push(app)
            drive(directory, served_by(world), seconds=_WARM_UP, rate=_RATE)
            before = asyncio.run(_stored(redis.url))
            began = resident_megabytes(world.listener.pid)
            with _Deployments(world) as deployments:
                load = drive(directory, served_by(world), seconds=_SECONDS, rate=_RATE)
                ended = resident_megabytes(world.listener.pid)
            stored = asyncio.run(_stored(redis.url)) - before
    finally:
        engine.stop()
    return _figures(load, stored, deployments.done, began, ended)


class _Deployments:
    """Each of the four targets is deployed again as soon as it is done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(app,)) for app in _APPS]
        self.done = 0

    def __enter__(self) -> _Deployments:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, app: str) -> None:
        number = 2
        while not self._ended.is_set():
            # Asked seldom: to answer us is no part of the load.
            release = Release(str(number), check=_CHECK)
            deploy(self._world, app, release, "succeeded", every=0.5)
            number += 1
            self.done += 1


async def _stored(url: str) -> int:
    """How many pushes of wrk's image are in the record."""
    store = await connect(url)
    try:
        found, start = 0, "-"
        while page := await store.call("XRANGE", keys.PUSHES, start, "+", "COUNT", 5000):
            found += sum("shop/api" in str(fields) for _, fields in page)
            last = page[-1][0]
            start = f"({last.decode() if isinstance(last, bytes) else last}"
        return found
    finally:
        await store.close()


def _figures(load: Load, stored: int, done: int, began: float, ended: float) -> list[Figure]:
    answered = load.answered
    return [
        Figure(
            f"storm: hooks/s offered, of {_RATE:,}",
            load.per_second,
            "/s",
            f"{_SECONDS} s, {done} deployments meanwhile",
            least=0.95 * _RATE,
        ),
        Figure(
            "storm: hooks answered 202 that are not in the record",
            max(0, answered - stored),
            "",
            f"{answered:,} answered, {stored:,} in the record; {load.errors} not answered 2xx",
            most=0,
        ),
        Figure("storm: p99 of a hook", load.p99 * 1000, "ms", "", most=100),
        Figure(
            "storm: resident memory, end over begin",
            ended / began,
            "×",
            f"{began:.0f} → {ended:.0f} MB",
            most=1.1,
        ),
    ]
