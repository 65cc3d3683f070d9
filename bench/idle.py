"""What the listener costs while nothing happens: fifty targets, a minute."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figure import Figure
from bench.proc import cpu_seconds, resident_megabytes
from listener.demo.app import Check, Release
from listener.demo.engine import find_engine
from listener.demo.waiting import wait_for
from listener.demo.world import World

_TARGETS = 50
_SECONDS = 60.0
_WARM_UP = 10.0


def measure(directory: Path) -> list[Figure]:
    """Processor time and memory of `listener run`, without its Redis."""
    engine = find_engine()
    try:
        with World(engine, directory) as world:
            # Checked as rarely as Docker does by default: fifty checks a second are no idling.
            world.push("web", Release("1", check=Check(interval=30)))
            for number in range(_TARGETS):
                world.run_more("web", number)
            world.listener.start()
            # What a start costs is no part of idling, nor what containers tell that just began.
            wait_for(
                lambda: _healthy(world) == _TARGETS, "every target is seen healthy", timeout=120
            )
            time.sleep(_WARM_UP)
            before, began = cpu_seconds(world.listener.pid), time.monotonic()
            time.sleep(_SECONDS)
            share = (cpu_seconds(world.listener.pid) - before) / (time.monotonic() - began)
            memory = resident_megabytes(world.listener.pid)
    finally:
        engine.stop()
    facts = f"{_TARGETS} healthy targets, {_SECONDS:g} s"
    return [
        Figure("idle: share of one core", share * 100, "%", facts, most=1),
        Figure("idle: resident memory without Redis", memory, "MB", facts, most=90),
    ]


def _healthy(world: World) -> int:
    return sum(one["health"] == "healthy" for one in world.listener.api("targets")["targets"])
