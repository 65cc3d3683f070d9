"""A worker with a real store and an engine that only says who it is."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestServer

from listener.config import Settings
from listener.store import Lease, Store
from listener.telemetry import Metrics
from listener.worker import Worker
from tests.unit.drivers.test_engine_exchanged import FakeEngine

DEADLINE = 60.0


async def held(store: Store, engine: str) -> str | None:
    holder = await Lease(store, engine, "nobody", "nowhere").holder()
    return holder.host if holder else None


async def works_for(worker: Worker, store: Store, engine: str) -> None:
    while await held(store, engine) != "h1" or worker.problem:  # noqa: ASYNC110 - it is in Redis
        await asyncio.sleep(0.01)


async def test_another_engine_at_its_address_is_worked_for_under_a_lease_of_its_own(
    store: Store,
) -> None:
    far = FakeEngine()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.serve)
    async with TestServer(app, host="127.0.0.1") as server, asyncio.timeout(DEADLINE):
        settings = Settings(engine=str(server.make_url("")).rstrip("/"), host="h1")
        worker = Worker(settings, store, "owner", Metrics(), alone=True)
        task = asyncio.create_task(worker.run())
        await works_for(worker, store, "one")
        far.lowest, far.newest, far.engine_id = 44, 49, "two"
        await works_for(worker, store, "two")
        assert await held(store, "one") is None
        worker.stop()
        await task
