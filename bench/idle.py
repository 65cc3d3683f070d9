"""What the listener costs while nothing happens: fifty targets, a minute."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.figure import Figure
from lab.app import Release
from lab.engine import find_engine
from lab.waiting import wait_for
from lab.world import World

_TARGETS = 50
_SECONDS = 60.0
_WARM_UP = 10.0


def measure(directory: Path) -> list[Figure]:
    """Processor time and memory of `listener run`, without its Redis."""
    engine = find_engine()
    try:
        with World(engine, directory) as world:
            world.push("web", Release("1"))
            for number in range(_TARGETS):
                world.run_more("web", number)
            world.listener.start()
            wait_for(
                lambda: len(world.listener.api("targets")["targets"]) == _TARGETS,
                "every target is seen",
            )
            # What a start costs is no part of idling.
            time.sleep(_WARM_UP)
            before, began = _cpu(world.listener.pid), time.monotonic()
            time.sleep(_SECONDS)
            share = (_cpu(world.listener.pid) - before) / (time.monotonic() - began)
            memory = _memory(world.listener.pid)
    finally:
        engine.stop()
    facts = f"{_TARGETS} targets, {_SECONDS:g} s"
    return [
        Figure("idle: share of one core", share * 100, "%", facts, most=1),
        Figure("idle: resident memory without Redis", memory, "MB", facts, most=90),
    ]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000
