"""The hardened GET: what it refuses to fetch, and whom it refuses to connect to."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from trust_senders import RSA_KEY, Authority, certificate, pem

from listener.trust import CannotFetch, HttpsGet
from listener.trust.fetch import LARGEST_BODY, is_public

HOST = "keys.example.com"


class Answers(AbstractResolver):
    """DNS that says the same to every question, and counts them."""

    def __init__(self, *addresses: str, port: int = 443) -> None:
        self._addresses = addresses
        self._port = port
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self._port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        return


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server for HOST, and of a client that trusts its authority."""
    authority, now = Authority(), time.time()
    leaf = certificate(HOST, issuer=authority, since=now - 3600, until=now + 3600)
    key = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(key + pem(leaf))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem")
    client = ssl.create_default_context(cadata=pem(authority.root).decode())
    return server, client


class Site:
    """A server with pages good and bad; it remembers what was asked of it."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.hang = asyncio.Event()
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": f"https://{HOST}/keys"})
            case "/error":
                return web.Response(status=500, text="secret of the server")
            case "/large":
                return web.Response(body=b"x" * (LARGEST_BODY + 1))
            case "/full":
                return web.Response(body=b"x" * LARGEST_BODY)
            case "/bomb":
                packed = gzip.compress(b"x" * 10_000_000)
                return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
            case "/endless":
                return await self._endless(request)
            case "/hang":
                await self.hang.wait()
        return web.Response(body=b"the keys")

    @staticmethod
    async def _endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 4096)
        except ConnectionError:
            return response


@pytest.fixture
async def site(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{path:.*}", site.handle)
    server = TestServer(app, scheme="https", host="127.0.0.1")
    await server.start_server(ssl=contexts[0])
    site.port = server.port or 0
    yield site
    site.hang.set()
    await server.close()


@pytest.fixture
def get(site: Site, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> HttpsGet:
    """The GET with a way to the site, which a real one would not connect to."""
    resolver = Answers("127.0.0.1", port=site.port)
    return HttpsGet(resolver=resolver, admits=lambda _: True, tls=contexts[1], seconds=3)


async def reason(get: HttpsGet, url: str) -> str:
    with pytest.raises(CannotFetch) as caught:
        await get(url)
    return str(caught.value)


async def test_a_page_is_fetched_plainly(get: HttpsGet, site: Site) -> None:
    assert await get(f"https://{HOST}/keys?a=b") == b"the keys"
    assert len(await get(f"https://{HOST}/full")) == LARGEST_BODY
    asked = site.requests[0]
    assert (asked.host, asked.path_qs) == (HOST, "/keys?a=b")
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in asked.headers


async def test_a_redirect_is_not_followed(get: HttpsGet, site: Site) -> None:
    assert "answers 302" in await reason(get, f"https://{HOST}/redirect")
    assert len(site.requests) == 1


async def test_only_success_counts(get: HttpsGet) -> None:
    why = await reason(get, f"https://{HOST}/error?token=abc")
    assert why == f"{HOST} answers 500, expected 200 without a redirect"


@pytest.mark.parametrize("page", ["large", "endless"])
async def test_more_than_64_kb_is_not_read(get: HttpsGet, page: str) -> None:
    assert (
        await reason(get, f"https://{HOST}/{page}") == f"{HOST} answers with more than 65536 bytes"
    )


async def test_nothing_is_unpacked(get: HttpsGet) -> None:
    assert len(await get(f"https://{HOST}/bomb")) < LARGEST_BODY


async def test_the_time_is_limited(
    site: Site, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    resolver = Answers("127.0.0.1", port=site.port)
    get = HttpsGet(resolver=resolver, admits=lambda _: True, tls=contexts[1], seconds=0.3)
    assert await reason(get, f"https://{HOST}/hang") == f"{HOST} did not answer in 0.3 s"


async def test_a_certificate_of_another_name_or_authority_is_refused(
    get: HttpsGet, site: Site
) -> None:
    assert "certificate" in (await reason(get, "https://other.example.com/keys")).lower()
    resolver = Answers("127.0.0.1", port=site.port)
    stranger = HttpsGet(resolver=resolver, admits=lambda _: True)
    assert "certificate" in (await reason(stranger, f"https://{HOST}/keys")).lower()
    assert site.requests == []


async def test_a_proxy_of_the_environment_is_not_used(
    get: HttpsGet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert await get(f"https://{HOST}/keys") == b"the keys"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "keys.example.com/keys",
        "/keys",
        f"http://{HOST}/keys",
        f"http://{HOST}:443/keys",
        f"ftp://{HOST}/keys",
        "file:///etc/passwd",
        f"https://{HOST}:8443/keys",
        f"https://{HOST}:80/keys",
        f"https://{HOST}:99999/keys",
        f"https://user@{HOST}/keys",
        f"https://user:secret@{HOST}/keys",
        "https:///keys",
        "https://8.8.8.8/keys",
        "https://127.0.0.1/keys",
        "https://127.1/keys",
        "https://2130706433/keys",
        "https://[::1]/keys",
        "https://[fe80::1%25eth0]/keys",
        "https://[::ffff:127.0.0.1]/keys",
    ],
)
async def test_only_https_to_a_name_on_its_port_is_fetched(url: str) -> None:
    resolver = Answers("127.0.0.1")
    why = await reason(HttpsGet(resolver=resolver, admits=lambda _: True), url)
    assert "is fetched" in why or "is not an address" in why
    assert "secret" not in why
    assert resolver.asked == 0


NOT_PUBLIC = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.5",
    "172.16.3.4",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.5",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "keys.example.com",
    "",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_no_address_inside_is_connected_to(address: str) -> None:
    get = HttpsGet(resolver=Answers(address))
    expected = f"{HOST} cannot be reached: it has no address on the public internet"
    assert await reason(get, f"https://{HOST}/keys") == expected


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "52.94.5.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


async def test_a_listening_loopback_is_not_reached_by_a_name(
    site: Site, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """The same site that `get` reaches; only the filter is in the way."""
    get = HttpsGet(resolver=Answers("127.0.0.1", "::1", port=site.port), tls=contexts[1])
    assert "no address on the public internet" in await reason(get, f"https://{HOST}/keys")
    assert site.requests == []


async def test_the_names_of_this_machine_lead_nowhere() -> None:
    """With the resolver of the system."""
    assert "cannot be reached" in await reason(HttpsGet(), "https://localhost/keys")


async def test_a_mixed_answer_loses_its_private_part(
    site: Site, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Whatever DNS mixes in, only what was admitted is connected to."""
    seen: list[str] = []

    def only_the_first(address: str) -> bool:
        seen.append(address)
        return address == "127.0.0.1"

    resolver = Answers("127.0.0.2", "127.0.0.1", port=site.port)
    get = HttpsGet(resolver=resolver, admits=only_the_first, tls=contexts[1])
    assert await get(f"https://{HOST}/keys") == b"the keys"
    assert seen == ["127.0.0.2", "127.0.0.1"]
    assert resolver.asked == 1


async def test_what_the_operator_chose_may_be_anywhere_but_not_plain(
    site: Site, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    get = HttpsGet(anywhere=True, resolver=Answers("127.0.0.1", port=site.port), tls=contexts[1])
    assert await get(f"https://{HOST}:8443/keys") == b"the keys"
    assert "is fetched" in await reason(get, f"http://{HOST}/keys")
    assert "expected 200 without a redirect" in await reason(get, f"https://{HOST}/redirect")
