"""The public keys of an issuer of identity tokens, fetched when needed and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from listener.providers.events import NotUnderstood
from listener.providers.payload import at, load_json, text_at
from listener.trust.fetch import CannotFetch, Fetch
from listener.trust.flight import SingleFlight

ALGORITHMS = ("RS256", "ES256")
"""Those that tokens may be signed with; all of them have a public and a private key."""

_FRESH = 3600.0
_USABLE = 24 * 3600.0
_PAUSE = 60.0
_PAUSE_WITHOUT_KEYS = 5.0
_SMALLEST_RSA = 2048

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _KeySet:
    issuer: str
    keys: Mapping[str, PyJWK]
    fetched_at: float


class IssuerKeys:
    """Keys of one issuer by their id (`kid`).

    They are fetched again after an hour, or when an unknown id is met; but at most once a minute,
    so that forged tokens cause no storm. Where that fails, known keys work for up to a day.
    `clock` gives seconds that never run backwards.
    """

    def __init__(
        self, issuer: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._configured = issuer
        self._fetch = fetch
        self._clock = clock
        self._known: _KeySet | None = None
        self._failure = ""
        self._next_try = clock()
        self._flight: SingleFlight[None] = SingleFlight()

    @property
    def issuer(self) -> str:
        """The issuer as it writes itself: some end in a slash, which the configuration drops."""
        return self._known.issuer if self._known else self._configured

    async def find(self, kid: str) -> PyJWK | None:
        """The key of this id, None where the issuer has none such; raises CannotFetch."""
        if not self._has(kid) and self._clock() >= self._next_try:
            await self._flight.run("", self._renew)
        known = self._usable()
        if known is None:
            raise CannotFetch(self._failure)
        key = known.keys.get(kid)
        if key is None and self._failure:
            # It may be a new one: that cannot be told now.
            raise CannotFetch(self._failure)
        return key

    def _has(self, kid: str) -> bool:
        known = self._known
        fresh = known is not None and self._clock() - known.fetched_at < _FRESH
        return fresh and known is not None and kid in known.keys

    def _usable(self) -> _KeySet | None:
        known = self._known
        return known if known and self._clock() - known.fetched_at < _USABLE else None

    async def _renew(self) -> None:
        try:
            self._known = await self._load()
        except CannotFetch as fault:
            self._failure = str(fault)
            log.warning("keys of an issuer not renewed", issuer=self._configured, error=str(fault))
        else:
            self._failure = ""
        self._next_try = self._clock() + (_PAUSE if self._usable() else _PAUSE_WITHOUT_KEYS)

    async def _load(self) -> _KeySet:
        """Asks for the key set, as OpenID Connect Discovery 1.0 §4 has it."""
        where = f"{self._configured.rstrip('/')}/.well-known/openid-configuration"
        discovery = await self._document(where, "a discovery document in JSON")
        issuer = text_at(discovery, "issuer") or self._configured
        if issuer.rstrip("/") != self._configured.rstrip("/"):
            raise CannotFetch(f"{self._configured} answers for another issuer")
        address = text_at(discovery, "jwks_uri")
        if not address.startswith("https://"):
            raise CannotFetch(f"{self._configured} names no https:// address of its keys")
        keys = dict(_keys(await self._document(address, "a set of keys in JSON")))
        if not keys:
            raise CannotFetch(f"{self._configured} has no key for {' or '.join(ALGORITHMS)}")
        return _KeySet(issuer, keys, self._clock())

    async def _document(self, address: str, expected: str) -> object:
        try:
            return load_json(await self._fetch(address), expected)
        except NotUnderstood as problem:
            raise CannotFetch(f"{self._configured}: {problem}") from problem


def _keys(document: object) -> Iterator[tuple[str, PyJWK]]:
    """The keys of a JWK set (RFC 7517) that tokens may be signed with; others are passed over."""
    listed = at(document, "keys")
    for one in listed if isinstance(listed, list) else ():
        kid = text_at(one, "kid")
        if not kid or text_at(one, "use") not in ("", "sig"):
            continue
        try:
            key = PyJWK(one)
        except (PyJWTError, ValueError, TypeError, AttributeError):
            continue
        if key.algorithm_name in ALGORITHMS and _is_strong(key):
            yield kid, key


def _is_strong(key: PyJWK) -> bool:
    if isinstance(key.key, RSAPublicKey):
        return key.key.key_size >= _SMALLEST_RSA
    return isinstance(key.key, EllipticCurvePublicKey)
