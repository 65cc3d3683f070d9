"""One hardened GET, for the few addresses that proofs of a sender are fetched from.

An address that a message names could lead into the network that this process stands in. So only
https to a name on port 443 is taken, and only addresses of the public internet are connected to.
What the configuration names, an issuer of a company's own, may be anywhere.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from ssl import SSLContext

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

Fetch = Callable[[str], Awaitable[bytes]]
"""The body behind an https:// address; raises CannotFetch."""

SECONDS = 5.0
"""For a whole fetch, from the question for the address to the last byte."""
LARGEST_BODY = 64 * 1024
"""Bytes; key sets and certificates have a few thousand."""

_NAT64 = ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        # Azure's agent for virtual machines answers here, and gives out their secrets.
        "168.63.129.16/32",
        # Some Pythons take these for public: protocol assignments (Oracle's metadata service is at
        # 192.0.0.192), NAT64 of a site's own (RFC 8215), site-local addresses (RFC 3879).
        "192.0.0.0/24",
        "64:ff9b:1::/48",
        "fec0::/10",
    )
)


class CannotFetch(Exception):
    """Nothing usable came from an address; the message is a sentence that says why."""


class HttpsGet:
    """A `Fetch`: GET without redirect, proxy, cookies or compression; 200 or nothing.

    `anywhere` lifts the limits of port and network, for addresses that the operator chose.
    `resolver`, `admits` (may an address be connected to?), `tls` and `seconds` are for tests.
    """

    def __init__(
        self,
        *,
        anywhere: bool = False,
        resolver: AbstractResolver | None = None,
        admits: Callable[[str], bool] | None = None,
        tls: SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._resolver = resolver
        self._anywhere = anywhere
        self._admits = admits or ((lambda _: True) if anywhere else is_public)
        self._tls = tls
        self._seconds = seconds

    async def __call__(self, url: str) -> bytes:
        """The body behind `url`, at most 64 kB; raises CannotFetch."""
        target = _checked(url, self._anywhere)
        resolver = _Filtered(self._resolver or aiohttp.ThreadedResolver(), self._admits)
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, ssl=self._tls or True, force_close=True
        )
        try:
            # A session for each fetch: there are a few in a day, and nothing stays open.
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    headers={"User-Agent": "listener", "Accept-Encoding": "identity"},
                    timeout=aiohttp.ClientTimeout(total=self._seconds),
                ) as session,
                session.get(target, allow_redirects=False) as response,
            ):
                return await _body(response)
        except TimeoutError as fault:
            raise CannotFetch(f"{target.host} did not answer in {self._seconds:g} s") from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise CannotFetch(f"{target.host} cannot be reached: {_cause(fault)}") from fault


def is_public(host: str) -> bool:
    """Whether an IP address is one of the public internet, and so are those that it wraps.

    Not public: loopback, private, link-local, multicast and reserved addresses, and those at which
    clouds serve the metadata of a machine.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address):
        wrapped = _wrapped(address)
        if wrapped is not None:
            return is_public(str(wrapped))
    return address.is_global and not address.is_multicast


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway makes of this one: mapped, 6to4, NAT64."""
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


class _Filtered(AbstractResolver):
    """Gives out public addresses only.

    The connector connects to what it is given here and asks nobody again, so that a name cannot
    mean another address when it is used than when it was checked.
    """

    def __init__(self, inner: AbstractResolver, admits: Callable[[str], bool]) -> None:
        self._inner = inner
        self._admits = admits

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        admitted = [one for one in found if self._admits(one["host"])]
        if not admitted:
            raise OSError("it has no address on the public internet")
        return admitted

    async def close(self) -> None:
        await self._inner.close()


def _checked(text: str, anywhere: bool) -> URL:
    """The address, if it may be fetched. A query is never shown: it may hold a token."""
    try:
        url = URL(text)
        plain = url.scheme == "https" and "@" not in url.raw_authority
    except ValueError as fault:
        raise CannotFetch("what should be fetched is not an address") from fault
    if plain and url.host and anywhere:
        return url
    # An address in the place of a name would pass by the resolver, and so by its filter.
    if not plain or url.port != 443 or not url.host or _is_address(url.host):
        raise CannotFetch("only https://NAME/… on port 443, without a user, is fetched")
    return url


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        # Names end in letters; 127.1 and 2130706433 are addresses to some systems.
        return host.rstrip(".").rpartition(".")[2].isdigit()
    return True


async def _body(response: aiohttp.ClientResponse) -> bytes:
    host = response.url.host
    if response.status != 200:
        raise CannotFetch(f"{host} answers {response.status}, expected 200 without a redirect")
    body = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        body += chunk
        if len(body) > LARGEST_BODY:
            raise CannotFetch(f"{host} answers with more than {LARGEST_BODY} bytes")
    return bytes(body)


def _cause(fault: BaseException) -> str:
    if isinstance(fault, aiohttp.ClientConnectorError):
        fault = fault.os_error
    return str(fault) or type(fault).__name__
