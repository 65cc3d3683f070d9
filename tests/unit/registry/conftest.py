"""Registries that exist for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from fake_registry import FakeRegistry

MakeRegistry = Callable[[], Awaitable[FakeRegistry]]


@pytest.fixture
async def make_registry() -> AsyncIterator[MakeRegistry]:
    """Starts any number of fake registries on 127.0.0.1."""
    async with AsyncExitStack() as stack:

        async def make() -> FakeRegistry:
            registry = FakeRegistry()
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", registry.serve)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            registry.host = f"127.0.0.1:{runner.addresses[0][1]}"
            return registry

        yield make


@pytest.fixture
async def fake(make_registry: MakeRegistry) -> FakeRegistry:
    """One fake registry."""
    return await make_registry()
