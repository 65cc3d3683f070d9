"""Couriers at work, and what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from listener.config import Settings
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.store import Ledger
from listener.worker.couriers import Couriers

from .conftest import a_deployment


@asynccontextmanager
async def carried(ledger: Ledger, settings: Settings) -> AsyncIterator[Couriers]:
    """Couriers at work for as long as the block lasts."""
    couriers = Couriers(settings, ledger)
    ledger.notices = couriers.notices

    async def work() -> None:
        while True:
            await couriers.look()

    task = asyncio.create_task(work())
    yield couriers
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await couriers.abandon()


def ended(state: State, target: str = "web", **facts: object) -> Deployment:
    return a_deployment(target, state=state, reason="why", finished_at=utc_now(), **facts)


async def left(ledger: Ledger, number: int = 0) -> None:
    """Returns when so many notices are left in the outbox."""
    async with asyncio.timeout(20):
        while len(await ledger.outbox()) != number:  # noqa: ASYNC110 - it is in Redis
            await asyncio.sleep(0.02)
