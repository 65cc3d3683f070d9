"""What a tag means now, asked at the registry itself.

The calls are those of the OCI Distribution Specification. A digest is asked for with HEAD, which
counts against no pull limit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import aiohttp
from yarl import URL

from listener.config.settings import Registry
from listener.model.auth import Auth, CredentialsFault
from listener.model.reference import Reference, is_digest
from listener.registry.challenge import basic, read_challenge, token_request
from listener.registry.faults import Denied, NotFound, RegistryAway
from listener.registry.patience import Limits
from listener.registry.transport import Transport, is_loopback, read_body, retry_after

_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PAGE = 1000
_MOST_PAGES = 200


class CredentialSource(Protocol):
    """Knows how to log in at a registry."""

    async def for_host(self, host: str) -> Auth | None:
        """The credentials, None for anonymous; raises CredentialsFault."""


class Resolver:
    """Asks registries. Raises NotFound, Denied and RegistryAway; `close` at the end."""

    def __init__(
        self,
        registries: Mapping[str, Registry],
        credentials: CredentialSource,
        *,
        transport: Transport | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.registries = registries
        """May be replaced at any time."""
        self._credentials = credentials
        self._transport = transport or Transport()
        self.limits = limits or Limits()

    async def close(self) -> None:
        """Closes every connection."""
        await self._transport.close()

    async def digest(self, image: Reference, tag: str) -> str:
        """The digest that a tag names now: of the index where there is one, else the manifest."""
        path = f"/v2/{image.repository}/manifests/{tag}"
        for method in ("HEAD", "GET"):
            async with self._ask(method, image, path) as response:
                if method == "HEAD" and response.status in (405, 501):
                    continue
                _check(response, f"{image.name}:{tag}")
                digest = response.headers.get("Docker-Content-Digest", "")
                if is_digest(digest):
                    return digest
                if method == "GET":
                    return f"sha256:{hashlib.sha256(await read_body(response)).hexdigest()}"
        raise RegistryAway(f"{image.registry} knows neither HEAD nor GET for {path}")

    async def tags(self, image: Reference) -> list[str]:
        """Every tag of a repository, in the registry's order."""
        path = f"/v2/{image.repository}/tags/list?n={_PAGE}"
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            async with self._ask("GET", image, path) as response:
                _check(response, image.name)
                found += _tags(await read_body(response), image)
                link = response.links.get("next")
                asked = response.url
            if link is None or "url" not in link:
                return found
            path = _next_page(asked, link["url"])
        raise RegistryAway(f"{image.name} has more than {_PAGE * _MOST_PAGES} tags")

    async def manifest(self, image: Reference, reference: str) -> bytes:
        """A manifest by tag or digest, as it lies there."""
        return await self._content(image, f"manifests/{reference}")

    async def referrers(self, image: Reference, digest: str) -> bytes:
        """The index of what refers to a digest; NotFound where the registry has no such call."""
        return await self._content(image, f"referrers/{digest}", no_such_call=(400, 405, 501))

    async def blob(self, image: Reference, digest: str) -> bytes:
        """A small blob, as it lies there."""
        return await self._content(image, f"blobs/{digest}")

    async def _content(
        self, image: Reference, what: str, no_such_call: tuple[int, ...] = ()
    ) -> bytes:
        async with self._ask("GET", image, f"/v2/{image.repository}/{what}") as response:
            if response.status in no_such_call:
                raise NotFound(f"{image.registry} has no {what.partition('/')[0]}")
            _check(response, f"{image.name} {what}")
            return await read_body(response)

    async def login(self, host: str) -> None:
        """Returns where a registry answers and takes the login that is known for it, if any."""
        async with self._ask("GET", Reference(host, ""), "/v2/") as response:
            _check(response, "its root /v2/")

    @asynccontextmanager
    async def _ask(
        self, method: str, image: Reference, path: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One question, asked again with credentials where the registry wants some."""
        host, insecure = image.registry, self._insecure(image.registry)
        headers = {"Accept": _MANIFESTS if "/manifests/" in path else "application/json"}
        async with self._transport.ask(method, host, path, headers, insecure=insecure) as response:
            if response.status != 401:
                self.limits.read(host, response.headers)
                yield response
                return
            wanted = response.headers.getall("WWW-Authenticate", [])
        headers["Authorization"] = await self._authorize(wanted, image, insecure=insecure)
        async with self._transport.ask(method, host, path, headers, insecure=insecure) as response:
            self.limits.read(host, response.headers)
            yield response

    async def _authorize(self, wanted: list[str], image: Reference, *, insecure: bool) -> str:
        try:
            auth = await self._credentials.for_host(image.registry)
        except CredentialsFault as fault:
            raise Denied(str(fault)) from fault
        challenge = read_challenge(wanted)
        if challenge is None:
            raise Denied(f"{image.registry} asks for a login in a way that is not known here")
        if challenge.scheme == "basic":
            if auth is None:
                raise Denied(
                    f"{image.registry} wants a login and none is known: set username and "
                    "password for it under registries:, or run docker login"
                )
            return basic(auth)
        request = token_request(challenge, image.repository, auth, plain_allowed=insecure)
        status, headers, body = await self._transport.token(
            request.url, request.headers, request.form, insecure=insecure
        )
        if status in (400, 401, 403):
            what = f"to pull {image.name}" if image.repository else f"for {image.registry}"
            raise Denied(f"{request.url.host} gives no token {what}: {_who(auth)}")
        if status != 200:
            raise RegistryAway(
                f"{request.url.host} answers {status} to the question for a token",
                retry_after(headers),
            )
        return f"Bearer {_token(body, str(request.url.host))}"

    def _insecure(self, host: str) -> bool:
        if is_loopback(host):
            return True
        return any(
            registry.insecure
            for first, registry in self.registries.items()
            if host == first or host in registry.aliases
        )


def _check(response: aiohttp.ClientResponse, what: str) -> None:
    host = response.url.host
    if response.status in (401, 403):
        raise Denied(f"{host} refuses to show {what}: {response.status}")
    if response.status == 404:
        raise NotFound(f"{host} does not have {what}")
    if response.status != 200:
        raise RegistryAway(
            f"{host} answers {response.status} for {what}", retry_after(response.headers)
        )


def _who(auth: Auth | None) -> str:
    if auth is None:
        return "no login is known for it"
    return f"the login of {auth.username} is refused" if auth.username else "the token is refused"


def _token(body: bytes, host: str) -> str:
    try:
        answer = json.loads(body)
        token = answer.get("token") or answer.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or not token.isprintable():
        raise RegistryAway(f"{host} answers without a token")
    return token


def _tags(body: bytes, image: Reference) -> list[str]:
    try:
        tags = json.loads(body).get("tags") or []
    except (ValueError, AttributeError):
        raise RegistryAway(f"{image.registry} gives no readable list of tags") from None
    return [tag for tag in tags if isinstance(tag, str)]


def _next_page(asked: URL, following: URL | str) -> str:
    """The path of the next page; never at another host, whose credentials these are not."""
    target = asked.join(URL(following))
    if target.host != asked.host:
        raise RegistryAway(f"{asked.host} continues its list of tags at {target.host}: refused")
    return target.raw_path_qs
