"""How registries sign: where a signature stands, and whether one of our secrets made it."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from listener.model.base import timed_id, utc_now
from listener.providers.events import Request

_WHSEC = b"whsec_"
_TOLERANCE = 300.0


class Signature(Protocol):
    """One scheme. Comparisons take the same time whatever differs; nothing empty ever matches."""

    def proves(self, request: Request, secrets: Iterable[bytes]) -> bool:
        """Whether any of the secrets signed this request."""

    def sign(self, body: bytes, secret: bytes) -> dict[str, str]:
        """The headers that a sender with this secret adds to a body."""


@dataclass(frozen=True, slots=True)
class HexHmac:
    """``PREFIX`` and the HMAC of the raw body in hex, in any one of these headers."""

    headers: tuple[str, ...]
    prefix: str = "sha256="
    algorithm: str = "sha256"

    def proves(self, request: Request, secrets: Iterable[bytes]) -> bool:
        """See `Signature`."""
        given = [
            as_bytes(value.removeprefix(self.prefix).lower())
            for value in (request.headers.get(header, "").strip() for header in self.headers)
            if value.startswith(self.prefix)
        ]
        if not given:
            return False
        wanted = (hmac.digest(key, request.body, self.algorithm).hex().encode() for key in secrets)
        return any_match(given, list(wanted))

    def sign(self, body: bytes, secret: bytes) -> dict[str, str]:
        """See `Signature`."""
        digest = hmac.digest(secret, body, self.algorithm).hex()
        return {self.headers[0]: f"{self.prefix}{digest}"}


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """``v1,BASE64`` of HMAC-SHA256 over ``id.time.body``, at most five minutes old.

    Source: https://www.standardwebhooks.com. The header may hold several, for rotated keys. A
    secret ``whsec_…`` is the key in base64; any other is the key itself.
    """

    clock: Callable[[], float] = time.time

    def proves(self, request: Request, secrets: Iterable[bytes]) -> bool:
        """See `Signature`."""
        number = request.headers.get("webhook-id", "").strip()
        stamp = request.headers.get("webhook-timestamp", "").strip()
        entries = request.headers.get("webhook-signature", "").split()
        given = [as_bytes(one.removeprefix("v1,")) for one in entries if one.startswith("v1,")]
        if not number or not given or not self._in_time(stamp):
            return False
        signed = as_bytes(f"{number}.{stamp}.") + request.body
        keys = filter(None, map(_key, secrets))
        return any_match(given, [_in_base64(key, signed) for key in keys])

    def sign(self, body: bytes, secret: bytes) -> dict[str, str]:
        """See `Signature`; the id is new each time."""
        number, stamp = timed_id("msg_", utc_now()), str(int(self.clock()))
        made = _in_base64(_key(secret), as_bytes(f"{number}.{stamp}.") + body)
        return {
            "webhook-id": number,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{made.decode()}",
        }

    def _in_time(self, stamp: str) -> bool:
        # The digits of other scripts are digits to Python, and no sender's.
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return False
        return abs(self.clock() - int(stamp)) <= _TOLERANCE


def _in_base64(key: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, signed, "sha256"))


def _key(secret: bytes) -> bytes:
    if not secret.startswith(_WHSEC):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
    except binascii.Error:
        return b""


def any_match(given: Iterable[bytes], wanted: list[bytes]) -> bool:
    """Compares each with each, so that the time does not tell which one was near."""
    found = False
    for left in given:
        for right in wanted:
            found |= bool(left) and hmac.compare_digest(left, right)
    return found


def as_bytes(text: str) -> bytes:
    """Headers may hold bytes that are no UTF-8; each text has one encoding and none fails."""
    return text.encode("utf-8", "surrogatepass")


def basic_password(encoded: str) -> Iterator[bytes]:
    """The password of HTTP's Basic scheme, where the text is one."""
    try:
        yield base64.b64decode(as_bytes(encoded), validate=True).partition(b":")[2]
    except binascii.Error:
        return
