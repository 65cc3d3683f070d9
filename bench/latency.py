"""The p99 of a hook at 200 a second, while a deployment runs and metrics are scraped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import Figure
from bench.hooks import served_by
from bench.load import drive
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import find_engine
from listener.demo.waiting import wait_for
from listener.demo.world import World

_TARGETS = 100
_PER_SECOND = 200
_SECONDS = 20


def measure(directory: Path) -> list[Figure]:
    """By wrk, which takes next to nothing of the machine's two cores for itself."""
    engine = find_engine()
    try:
        with World(engine, directory) as world:
            world.begin("web")
            world.push("other", Release("1"))
            for number in range(_TARGETS - 1):
                world.run_more("other", number, start=False)
            wait_for(
                lambda: len(world.listener.api("targets")["targets"]) == _TARGETS,
                "every target is seen",
                timeout=60,
            )
            # A deployment each: as many series as after a week of work.
            world.push("other", Release("2"))
            wait_for(
                lambda: (
                    world.listener.metric("listener_deployments_total", state="succeeded")
                    == _TARGETS - 1
                ),
                "every target was deployed once",
                timeout=500,
                every=0.5,
            )
            world.listener.quiet()
            slow = Release("2", Behaviour.SLOW, seconds=_SECONDS, check=Check(start_period=60))
            world.push("web", slow)
            with _scraped(world):
                load = drive(directory, served_by(world), seconds=_SECONDS, rate=_PER_SECOND)
            assert not load.errors, load
            running = [one["state"] for one in world.listener.deployments()]
            assert any(state in ("watching", "swapping") for state in running), running
    finally:
        engine.stop()
    return [
        Figure(
            f"p99 at {_PER_SECOND} hooks/s, deploying, {_TARGETS} targets scraped",
            load.p99 * 1000,
            "ms",
            f"p50 {load.p50 * 1000:.1f} ms, max {load.longest * 1000:.0f} ms; "
            f"{load.per_second:.0f}/s",
            most=20,
        )
    ]


@contextmanager
def _scraped(world: World) -> Iterator[None]:
    """The metrics are asked for every second meanwhile."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(1):
            world.listener.metrics()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
