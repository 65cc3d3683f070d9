"""Requests to registries: which scheme, how long, how much, and whereto they may be redirected."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from listener.model.reference import DOCKER_HUB
from listener.registry.faults import RegistryAway

SECONDS = 10.0
"""For a whole request."""

_LARGEST_BODY = 8 * 2**20
_REDIRECTS = 3
_HUB_API = "registry-1.docker.io"
_AGENT = "listener"


class Transport:
    """Plain requests, no authentication; `close` at the end."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None
        self._schemes: dict[str, str] = {}

    async def close(self) -> None:
        """Closes every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def ask(
        self, method: str, host: str, path: str, headers: Mapping[str, str], *, insecure: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of a registry to ``https://HOST/PATH``.

        `insecure`: certificates are not checked, and plain HTTP is tried where TLS fails. Raises
        RegistryAway where there is no answer.
        """
        target = f"{_HUB_API if host == DOCKER_HUB else host}{path}"
        response = None
        for scheme in self._order(host, insecure):
            try:
                response = await self._follow(
                    method, _url(f"{scheme}://{target}"), headers, insecure=insecure
                )
            except RegistryAway as fault:
                failed = fault
                continue
            self._schemes[host] = scheme
            break
        if response is None:
            raise failed
        async with _ended(response, host):
            yield response

    def _order(self, host: str, insecure: bool) -> tuple[str, ...]:
        if not insecure:
            return ("https",)
        return ("http", "https") if self._schemes.get(host) == "http" else ("https", "http")

    async def _follow(
        self, method: str, url: URL, headers: Mapping[str, str], *, insecure: bool
    ) -> aiohttp.ClientResponse:
        sent = dict(headers)
        for _ in range(_REDIRECTS + 1):
            response = await self._send(method, url, sent, insecure=insecure)
            where = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or where is None:
                return response
            response.close()
            target = url.join(_url(where))
            if target.scheme != "https" and (url.scheme == "https" or target.scheme != "http"):
                raise RegistryAway(f"{url.host} redirects to {target.scheme}: refused")
            if target.origin() != url.origin():
                sent.pop("Authorization", None)
            url = target
        raise RegistryAway(f"{url.host} redirects more than {_REDIRECTS} times")

    async def token(
        self,
        url: URL,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        *,
        insecure: bool,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer of a token service; follows no redirect."""
        method = "GET" if form is None else "POST"
        response = await self._send(method, url, headers, form=form, insecure=insecure)
        async with _ended(response, str(url.host)):
            return response.status, response.headers, await read_body(response)

    async def _send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        *,
        insecure: bool,
        form: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": _AGENT}
            )
        try:
            return await self._session.request(
                method,
                url,
                headers=headers,
                data=form,
                allow_redirects=False,
                ssl=not insecure,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
            )
        except TimeoutError as fault:
            raise _late(url, self._seconds) from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise RegistryAway(f"{url.host} cannot be reached: {_cause(fault)}") from fault


@asynccontextmanager
async def _ended(response: aiohttp.ClientResponse, host: str) -> AsyncIterator[None]:
    try:
        yield
    except TimeoutError as fault:
        raise RegistryAway(f"{host} did not finish its answer in time") from fault
    except (aiohttp.ClientError, OSError) as fault:
        raise RegistryAway(f"{host} broke off its answer: {_cause(fault)}") from fault
    finally:
        response.close()


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body; raises RegistryAway where it is larger than any manifest may be."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise RegistryAway(f"The answer of {response.url.host} is larger than 8 MiB")
    return bytes(body)


def is_loopback(host: str) -> bool:
    """Whether a registry's host (with or without port) is this machine itself."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds in ``Retry-After``, which holds a number or a date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _url(text: str) -> URL:
    try:
        return URL(text)
    except ValueError as fault:
        raise RegistryAway(f"{text[:200]!r} is not an address: {fault}") from fault


def _late(url: URL, seconds: float) -> RegistryAway:
    return RegistryAway(f"{url.host} gave no answer within {seconds:g} s")


def _cause(fault: BaseException) -> str:
    return str(fault) or type(fault).__name__
