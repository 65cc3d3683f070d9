"""A running public port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from listener.matching import Shown
from listener.web.public import public_app
from tests.unit.web.public_port import Port


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    running = Port()
    with capture_logs():
        app = public_app(running.hooks, running.log, running.metrics, lambda: Shown(running.views))
        async with TestServer(app, host="127.0.0.1") as server:
            running.url = str(server.make_url("")).rstrip("/")
            yield running
