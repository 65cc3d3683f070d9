"""Waiting for something to happen, for so long at most."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def until(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, and after so many seconds all the same.

    Not `asyncio.wait_for`: before Python 3.12 that forgets a cancellation which comes in the same
    moment as the event, and a task that was told to end would go on for ever.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
