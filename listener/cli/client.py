"""The API as the command line calls it: paths in, JSON objects out, failures as exits."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
from yarl import URL

from listener.cli.exits import Failed, NotNow, Unreachable, WrongUsage
from listener.cli.session import session

Json = dict[str, Any]
"""A JSON object as it came from the API; its fields are known by name only."""
Result = TypeVar("Result")

_NOT_NOW = (502, 503, 504)
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
"""For one request of a person who waits."""
_STREAM = aiohttp.ClientTimeout(total=None, connect=5, sock_read=60)


class Client:
    """One server's admin port, called over a session that bears the token."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def get(self, path: str, query: Mapping[str, str | int | None] | None = None) -> Json:
        """What a reading call answers; raises Unreachable, WrongUsage or Failed."""
        given = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return await self._call("GET", path, params=given)

    async def post(self, path: str, body: Json | None = None) -> Json:
        """What a command answers; raises as `get`."""
        return await self._call("POST", path, json=body or {})

    async def delete(self, path: str) -> Json:
        """What a removal answers; raises as `get`."""
        return await self._call("DELETE", path)

    async def lines(self, path: str, since: str | None) -> AsyncIterator[str]:
        """The lines of a stream, without their ends, until the server ends it; raises as `get`."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": since} if since else {})}
        try:
            async with self._http.get(
                f"{self.url}/api/v1/{path}", headers=headers, timeout=_STREAM, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    self._read(answer.status, await answer.read())
                async for line in answer.content:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
        except TimeoutError:
            raise Unreachable(f"cannot reach {self.url}: no answer in time") from None
        except (aiohttp.ClientError, OSError) as problem:
            raise Unreachable(f"cannot reach {self.url}: {_why(problem)}") from None

    async def _call(self, method: str, path: str, **arguments: Any) -> Json:
        hint = "start `listener run`, or name another server with --url"
        path = f"{self.url}/api/v1/{path}"
        status, raw = await answer_of(self._http, method, path, self.url, hint, **arguments)
        return self._read(status, raw)

    def _read(self, status: int, raw: bytes) -> Json:
        value = read_object(raw)
        if value is None:
            raise Unreachable(f"{self.url} answered {status}, but not as a listener's admin port")
        if status < 400:
            return value
        sentence = str(value.get("error", f"{self.url} answered {status}"))
        if status == 401:
            raise WrongUsage(f"{self.url} refused the token: {sentence}")
        if status in _NOT_NOW:
            raise NotNow(sentence)
        raise (WrongUsage if status == 400 else Failed)(sentence)


async def answer_of(
    http: aiohttp.ClientSession,
    method: str,
    url: URL | str,
    server: str,
    hint: str,
    **arguments: Any,
) -> tuple[int, bytes]:
    """Status and body of one request; raises Unreachable, with the server's name and a hint."""
    try:
        async with http.request(method, url, allow_redirects=False, **arguments) as answer:
            return answer.status, await answer.read()
    except TimeoutError:
        raise Unreachable(f"cannot reach {server}: no answer in time") from None
    except (aiohttp.ClientError, OSError) as problem:
        raise Unreachable(f"cannot reach {server}: {_why(problem)}; {hint}") from None


def read_object(raw: bytes) -> Json | None:
    """The JSON object of a body; None where it is none."""
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def call(work: Callable[[Client], Awaitable[Result]]) -> Result:
    """Does work with the server of this session, to its end."""

    async def with_client() -> Result:
        url, token = session().server()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as http:
            return await work(Client(url, http))

    return asyncio.run(with_client())


def fetch(path: str, query: Mapping[str, str | int | None] | None = None) -> Json:
    """One reading call to the server of this session."""
    return call(lambda client: client.get(path, query))


def target_path(name: str) -> str:
    """The path of a target, whatever the name holds."""
    return f"targets/{quote(name, safe='@')}"


def _why(problem: Exception) -> str:
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return "there is no such host"
    if isinstance(problem, OSError) and problem.errno:
        return os.strerror(problem.errno).lower()
    return str(problem) or type(problem).__name__
