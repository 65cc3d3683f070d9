"""One request to the engine's API and the ways to read its answer."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp

QUICK = 15.0
"""Seconds for an answer that needs no work."""
CHANGE = 120.0
"""Seconds for a change: a busy engine takes long to create, start or remove."""

Filters = Mapping[str, Sequence[str]]
"""The API's filters: ``{"label": ["a=b"], "event": ["die"]}``."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `seconds` until the whole answer, or `idle` seconds between parts of it.

    `body` is posted as JSON, `content` as it is.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = QUICK
    idle: float | None = None
    versioned: bool = True


PING = Call("GET", "_ping", versioned=False)


class Wire(ABC):
    """Carries calls to one engine.

    Raises EngineAway where no answer came, and EngineError (NotFound, Conflict) where the engine
    refused. After EngineAway from a change: look whether it was made.
    """

    os = ""
    architecture = ""
    podman = False
    """Whether it is Podman, which speaks the same API."""

    @abstractmethod
    def send(self, call: Call) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The response, closed at the end of the block."""

    async def ping(self) -> None:
        """Raises EngineAway unless the engine answers."""
        await self.done(PING)

    async def json(self, call: Call) -> dict[str, Any]:
        """The answer as an object."""
        async with self.send(call) as response:
            answer: dict[str, Any] = await response.json()
        return answer

    async def json_list(self, call: Call) -> list[dict[str, Any]]:
        """The answer as a list of objects."""
        async with self.send(call) as response:
            answer: list[dict[str, Any]] | None = await response.json()
        return answer or []

    async def done(self, call: Call) -> None:
        """Waits for success; the answer has no content."""
        async with self.send(call) as response:
            await response.read()


async def json_lines(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The objects of a stream, one a line."""
    async for line in response.content:
        if line.strip():
            yield json.loads(line)


def path_part(ref: str) -> str:
    """An id, a name or an image reference for use in a path."""
    return quote(ref, safe="/:@")


def filter_params(filters: Filters | None) -> dict[str, str]:
    """Filters as the API wants them: JSON in a query parameter."""
    if not filters:
        return {}
    return {"filters": json.dumps({name: list(values) for name, values in filters.items()})}
