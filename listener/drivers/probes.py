"""The worker's own probes of a container: HTTP, TCP and a command inside it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError
from listener.model.target import Health

_PATIENCE = 3.0
_LONGEST_OUTPUT = 300


class Probes:
    """Asks one container, at its own address, whether it works."""

    def __init__(self, engine: Engine, settings: Health) -> None:
        self._engine = engine
        self._settings = settings

    async def ask(self, inspect: Mapping[str, Any]) -> tuple[bool, str] | None:
        """Whether every configured probe passes, and what the first failing one said.

        `inspect` is the container as it runs now. None where no probe is configured.
        """
        settings = self._settings
        answers = []
        if settings.http is not None:
            answers.append(await self._http(settings.http, inspect))
        if settings.tcp is not None:
            answers.append(await self._tcp(settings.tcp, inspect))
        if settings.exec is not None:
            answers.append(await self._exec(settings.exec, inspect))
        if not answers:
            return None
        return next((answer for answer in answers if not answer[0]), answers[0])

    async def _http(self, address: str, inspect: Mapping[str, Any]) -> tuple[bool, str]:
        parts = urlsplit(address)
        host = parts.hostname or await self._address(inspect)
        if not host:
            return False, "the container has no address yet"
        shown = f"[{host}]" if ":" in host else host
        url = urlunsplit(parts._replace(netloc=f"{shown}:{parts.port}"))
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False, ssl=False) as response,
            ):
                text = (await response.content.read(_LONGEST_OUTPUT)).decode(errors="replace")
                said = f"HTTP {response.status} {text.strip()}".strip()
                return 200 <= response.status < 400, said
        except TimeoutError:
            return False, f"no answer from {url} within {_PATIENCE:g} s"
        except (aiohttp.ClientError, OSError) as problem:
            return False, f"{url}: {problem}"

    async def _tcp(self, address: str, inspect: Mapping[str, Any]) -> tuple[bool, str]:
        named, _, port = address.rpartition(":")
        host = named or await self._address(inspect)
        if not host:
            return False, "the container has no address yet"
        try:
            async with asyncio.timeout(_PATIENCE):
                _, writer = await asyncio.open_connection(host, int(port))
        except TimeoutError:
            return False, f"no connection to {host}:{port} within {_PATIENCE:g} s"
        except OSError as problem:
            # asyncio writes its own words where the system's say more: "Connection refused".
            said = os.strerror(problem.errno) if problem.errno else str(problem)
            return False, f"{host}:{port}: {said}"
        writer.close()
        return True, f"{host}:{port} accepts connections"

    async def _address(self, inspect: Mapping[str, Any]) -> str:
        """That of a running container; in the network of another one it is that one's."""
        mode, _, other = str(inspect["HostConfig"].get("NetworkMode") or "").partition(":")
        if mode != "container":
            return container_address(inspect)
        try:
            return await self._address(await self._engine.inspect_container(other))
        except EngineError:
            return ""

    async def _exec(self, command: tuple[str, ...], inspect: Mapping[str, Any]) -> tuple[bool, str]:
        try:
            code, output = await self._engine.exec(inspect["Id"], command, _PATIENCE)
        except EngineError as problem:
            return False, str(problem)
        if code is None:
            return False, f"{command[0]} did not end within {_PATIENCE:g} s"
        return code == 0, f"exit code {code} {output[-_LONGEST_OUTPUT:]}".strip()


def container_address(inspect: Mapping[str, Any]) -> str:
    """The address of a running container; the machine's own where it shares its network."""
    if inspect["HostConfig"].get("NetworkMode") == "host":
        return "127.0.0.1"
    networks = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    kinds = ("IPAddress", "GlobalIPv6Address")
    addresses = (endpoint.get(kind) for kind in kinds for endpoint in networks.values() if endpoint)
    return next((address for address in addresses if address), "")
