"""A day of a push a minute, each for fifty targets: what grows, after its first quarter?

The day goes by as fast as the machine allows. Lease, stream, lanes, records and views are the
worker's own code on a real Redis; only the engine is missing, and a journal is written after each
fourth step. `DAY_MINUTES=240` is a shorter day.
Redis keeps pushes for a week by design, so what they take is told apart.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from bench.figure import Figure
from bench.fleet import Cost
from bench.proc import resident_megabytes
from bench.simulated_host import SimulatedHost, a_delivery, a_push
from lab.redis_server import RedisServer
from listener.store import PushLog, connect

_TARGETS = 50
_MINUTES = 1440
_STEPS_A_WRITE = 4
_MEGA = 1e6


def measure(directory: Path) -> list[Figure]:
    """Memory and descriptors at the first quarter and at the end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    minutes = int(os.environ.get("DAY_MINUTES", _MINUTES))
    # What Redis holds is asked for; that each write is on disk does not matter here.
    with RedisServer(directory, durable=False) as server:
        return asyncio.run(_day(server.url, minutes))


async def _day(url: str, minutes: int) -> list[Figure]:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        store = await connect(url)
        stack.push_async_callback(store.close)
        log = PushLog(store)
        host = SimulatedHost("h0", _TARGETS, 1, shared_by=_TARGETS, deploys=_STEPS_A_WRITE)
        await host.begin(url, stack)
        stack.push_async_callback(host.end)
        looks = []
        for minute in range(minutes):
            push = a_push(minute, _TARGETS, _TARGETS)
            await log.append([(push, push.id)], [(a_delivery(push), 1)])
            while host.taken <= minute:  # noqa: ASYNC110 - it must not tell us
                await asyncio.sleep(0.005)
            if minute + 1 in (minutes // 4, minutes):
                looks.append((*_own(), (await Cost.now(store)).memory / _MEGA))
    (rss, descriptors, redis), (rss_after, descriptors_after, redis_after) = looks
    later = minutes - minutes // 4
    facts = f"{minutes * _TARGETS:,} deployments in {time.monotonic() - began:.0f} s"
    return [
        Figure(
            "day: resident memory, end over first quarter",
            rss_after / rss,
            "×",
            f"{rss:.0f} → {rss_after:.0f} MB; {facts}",
            most=1.1,
        ),
        Figure(
            "day: file descriptors, end less first quarter",
            descriptors_after - descriptors,
            "",
            f"{descriptors} → {descriptors_after}",
            most=5,
        ),
        Figure(
            "day: Redis' memory for each push, kept for a week",
            (redis_after - redis) / later * 1000,
            "kB",
            f"{redis:.1f} → {redis_after:.1f} MB, {later} pushes of {_TARGETS} matches each",
            most=20,
        ),
    ]


def _own() -> tuple[float, int]:
    return resident_megabytes(os.getpid()), len(os.listdir("/proc/self/fd"))
