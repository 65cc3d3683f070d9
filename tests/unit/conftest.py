"""A real admin port over a real Redis, with a hand in the worker's place."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from lab.redis_server import RedisServer
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger, new_deployment_id
from listener.model.journal import OldContainer
from listener.model.view import HostView, TargetView
from listener.store import Archive, Lease, Ledger, PushLog, Store, connect
from listener.telemetry import Metrics
from listener.web.admin import admin_app
from listener.web.auth import Gate
from listener.web.metrics_page import MetricsPage

DIGESTS = [f"sha256:{digit * 64}" for digit in "0123456789"]


@dataclass
class Panel:
    """The admin port at `url`, and what is behind it."""

    archive: Archive
    pushes: PushLog
    store: Store
    url: str = ""
    problems: list[str] = field(default_factory=list)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    """How often each path was answered."""
    answering: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def ready(self) -> list[str]:
        return self.problems

    async def publish(self, *views: TargetView, host: str = "h1", seconds_ago: float = 0) -> None:
        """What the worker of a host says of itself."""
        seen = utc_now() - timedelta(seconds=seconds_ago)
        ledger = await self.ledger(host)
        view = HostView(
            name=host, engine_id=f"engine-{host}", engine_version="20.10.24", last_seen=seen
        )
        await ledger.publish(views, view)

    async def away(self, host: str = "h1") -> None:
        """Its worker is gone, and its lease with it."""
        await self.leases[host].release()

    async def ledger(self, host: str = "h1") -> Ledger:
        """The ledger of a host, as its worker has it."""
        if host not in self.ledgers:
            # Nobody renews it here, and a busy machine takes its time for a test.
            lease = Lease(self.store, f"engine-{host}", "owner", host, ttl=600)
            assert await lease.acquire()
            self.leases[host] = lease
            self.ledgers[host] = Ledger(self.store, lease, host)
        return self.ledgers[host]

    async def note(self, request: web.Request, _: web.StreamResponse) -> None:
        """Counts an answer that is about to be sent."""
        async with self.answering:
            self.answers[request.path] += 1
            self.answering.notify_all()

    async def has_shown(self, path: str) -> None:
        """Returns once somebody who asks again and again was answered what there is now."""
        async with self.answering:
            # The next answer may have been read before.
            enough = self.answers[path] + 2
            await self.answering.wait_for(lambda: self.answers[path] >= enough)

    async def record(self, deployment: Deployment) -> None:
        await (await self.ledger(deployment.host)).record(deployment)


MakePanel = Callable[..., Any]


@pytest.fixture
async def make_panel(redis_server: RedisServer) -> AsyncIterator[MakePanel]:
    """Makes admin ports with the token and the address of the test's choice."""
    async with AsyncExitStack() as stack:

        async def make(*, token: str | None = None, loopback: bool = True) -> Panel:
            store = await connect(redis_server.url)
            stack.push_async_callback(store.close)
            panel = Panel(Archive(store), PushLog(store), store)
            gate = Gate(loopback, SecretStr(token) if token else None)
            page = MetricsPage(Metrics().registry)
            app = admin_app(store, panel.pushes, page, gate, panel.ready)
            app.on_response_prepare.append(panel.note)
            server = await stack.enter_async_context(TestServer(app, host="127.0.0.1"))
            panel.url = str(server.make_url("")).rstrip("/")
            return panel

        yield make


@pytest.fixture
async def panel(make_panel: MakePanel) -> Panel:
    """An admin port on loopback without a token."""
    made = await make_panel()
    assert isinstance(made, Panel)
    return made


def a_view(name: str = "web", host: str = "h1", **facts: Any) -> TargetView:
    return TargetView(
        **{
            "name": name,
            "host": host,
            "driver": "container",
            "image": "registry.example.com/team/web",
            "tag": "latest",
            "digest": DIGESTS[1],
            "health": "healthy",
            **facts,
        }
    )


def a_deployment(target: str = "web", host: str = "h1", **facts: Any) -> Deployment:
    now = utc_now()
    return Deployment(
        **{
            "id": new_deployment_id(now),
            "target": target,
            "host": host,
            "trigger": Trigger.PUSH,
            "image": "registry.example.com/team/web",
            "tag": "latest",
            "queued_at": now,
            "state": State.QUEUED,
            **facts,
        }
    )


def an_old(inspect: dict[str, Any], *, was_healthy: bool = True) -> OldContainer:
    """A container that ran before, as the engine told it then."""
    return OldContainer(
        id="old",
        name="web",
        image_id="old",
        digest=None,
        image_config={},
        inspect=inspect,
        was_running=True,
        was_healthy=was_healthy,
    )
