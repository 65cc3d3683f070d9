"""The public port over real HTTP, with a memory in the store's place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from prometheus_client import generate_latest

from listener.config import Hook, Registry, Settings
from listener.model.delivery import Delivery
from listener.model.push import Push
from listener.model.view import TargetView
from listener.telemetry import Metrics
from listener.trust import CannotFetch
from listener.web.hooks import Hooks

SAMPLES = Path(__file__).parents[2] / "samples"
TOKEN = "a-token-not-a-secret"
KEY = "demo-key-not-a-secret"
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
SIGNATURE = "sha256=dc6cb666843e0445cb196b674a6e0900caaa2b3de8245acce1abc50aad926ea7"


class MemoryLog:
    """Keeps pushes as the store promises to: each key once."""

    def __init__(self) -> None:
        self.by_key: dict[str, Push] = {}
        self.deliveries: list[Delivery] = []
        self.fault: Exception | None = None
        self.stuck = False

    async def append(
        self, pushes: Sequence[tuple[Push, str]], deliveries: Sequence[tuple[Delivery, int]]
    ) -> list[tuple[str, bool]]:
        if self.stuck:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        answers = []
        self.deliveries += [delivery for delivery, _ in deliveries]
        for push, key in pushes:
            kept = self.by_key.setdefault(key, push)
            answers.append((kept.id, kept is not push))
        return answers

    @property
    def images(self) -> list[str]:
        return [f"{push.image}:{push.tag}" for push in self.by_key.values()]


def settings(**hooks: Hook) -> Settings:
    registries = {"registry.example.test": Registry(aliases=("localhost:5000", "10.0.0.5:5000"))}
    return Settings(hooks=hooks, registries=registries, max_body=20_000, host="here")


def standard() -> Settings:
    token: Any = (TOKEN,)
    key: Any = (KEY,)
    return settings(
        hub=Hook(provider="dockerhub", tokens=token),
        private=Hook(provider="distribution", tokens=token),
        packages=Hook(provider="github", hmac_secrets=key),
        ci=Hook(provider="generic", hmac_secrets=key),
        open=Hook(provider="generic", unauthenticated=True),
        team=Hook(provider="generic", unauthenticated=True, repositories=("team/*", "web")),
        mine=Hook(provider="generic", unauthenticated=True, registry="localhost:5000"),
        narrow=Hook(provider="distribution", tokens=token, repositories=("team/*",)),
        away=Hook(provider="generic", allow_cidrs=("192.0.2.0/24",)),
        near=Hook(provider="generic", allow_cidrs=("127.0.0.0/8",)),
    )


@dataclass
class Port:
    """One running public port and all that stands behind it."""

    hooks: Hooks = field(init=False)
    files: dict[str, bytes] = field(default_factory=dict)
    """The only network that the hooks' proofs have, by address."""
    fetched: dict[str, asyncio.Event] = field(default_factory=dict)
    log: MemoryLog = field(default_factory=MemoryLog)
    metrics: Metrics = field(default_factory=Metrics)
    views: list[TargetView] = field(default_factory=list)
    url: str = ""

    async def fetch(self, url: str) -> bytes:
        if url not in self.files:
            raise CannotFetch("example.com answers 503")
        if url in self.fetched:
            self.fetched[url].set()
        return self.files[url]

    async def send(
        self, path: str, body: Any = b"", *, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            ClientSession() as session,
            session.request(method, self.url + path, data=raw, headers=sent) as answer,
        ):
            assert answer.content_type == "application/json"
            self.headers = answer.headers
            decoded: dict[str, Any] = json.loads(await answer.text())
            return answer.status, decoded

    def __post_init__(self) -> None:
        self.hooks = Hooks(standard(), self.fetch)

    def exposed(self) -> str:
        return generate_latest(self.metrics.registry).decode()


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())["body"]
