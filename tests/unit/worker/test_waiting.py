"""A task that was told to end ends, whatever happens in the same moment."""

from __future__ import annotations

import asyncio

import pytest

from listener.worker.waiting import until


@pytest.mark.parametrize("turns", range(5))
async def test_a_loop_around_it_ends_when_it_is_cancelled(turns: int) -> None:
    event = asyncio.Event()

    async def loop() -> None:
        while True:
            await until(event, 60)
            event.clear()

    task = asyncio.create_task(loop())
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    assert task in done
    assert task.cancelled()


async def test_it_returns_when_the_time_is_over() -> None:
    await asyncio.wait_for(until(asyncio.Event(), 0.01), 5)
