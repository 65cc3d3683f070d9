"""The p99 of a hook at 200 a second, while a deployment runs and metrics are scraped."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

import aiohttp

from bench.figure import Figure, percentile
from bench.hooks import event
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import find_engine
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World

_TARGETS = 100
_PER_SECOND = 200
_SECONDS = 20


def measure(directory: Path) -> list[Figure]:
    """Open loop: a late answer does not delay the next request."""
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
            took = asyncio.run(_load(world))
            running = [one["state"] for one in world.listener.deployments()]
            assert any(state in ("watching", "swapping") for state in running), running
    finally:
        engine.stop()
    return [
        Figure(
            f"p99 at {_PER_SECOND} hooks/s, deploying, {_TARGETS} targets scraped",
            percentile(took, 0.99) * 1000,
            "ms",
            f"p50 {percentile(took, 0.5) * 1000:.1f} ms, max {max(took) * 1000:.0f} ms",
            most=20,
        )
    ]


async def _load(world: World) -> list[float]:
    took: list[float] = []
    url = f"{world.listener.public}/hooks/{HOOK}"
    headers = {"Authorization": f"Bearer {world.token}"}
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def one(number: int, due: float) -> None:
            body = json.dumps(event(f"n{number}")).encode()
            async with session.post(url, data=body) as response:
                assert response.status == 202, await response.text()
            took.append(time.perf_counter() - due)

        async def scrape() -> None:
            while True:
                async with session.get(f"{world.listener.admin}/metrics") as response:
                    await response.read()
                await asyncio.sleep(1)

        scraper = asyncio.create_task(scrape())
        began = time.perf_counter()
        tasks = []
        for number in range(_PER_SECOND * _SECONDS):
            due = began + number / _PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(number, due)))
        await asyncio.gather(*tasks)
        scraper.cancel()
        with suppress(asyncio.CancelledError):
            await scraper
    return took
