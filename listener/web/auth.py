"""Who may call the admin port: in come a request's headers, out goes a refusal or none.

Three cases. With a token every call needs ``Authorization: Bearer TOKEN``, ``/metrics`` too (a
scrape configuration has ``authorization.credentials_file`` for it). Without one, an address that
is not loopback only answers reading calls. Without one on loopback everything is open to this
machine, so a web page in a browser on this machine must not pass: a name that was rebound to
127.0.0.1 shows in ``Host`` (https://en.wikipedia.org/wiki/DNS_rebinding), a form or fetch of
another site in ``Origin`` and ``Sec-Fetch-Site``
(https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

_READING = {"GET", "HEAD"}
_OPEN_PATHS = {"/", "/healthz", "/readyz"}
_OWN_SITE = {"same-origin", "none"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, 401 or 403, and the one sentence that goes with it."""

    status: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The rule of one admin port: whether only this machine reaches it, and its token, if any."""

    loopback: bool
    token: SecretStr | None

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why this request may not pass; None when it may.

        `headers` is a case-insensitive mapping. Probes and the front page hold nothing secret
        and are open to everybody.
        """
        if path in _OPEN_PATHS and method in _READING:
            return None
        if self.token is not None:
            return self._without_token(headers)
        if not self.loopback:
            return _read_only(method)
        return _from_elsewhere(method, headers)

    def _without_token(self, headers: Mapping[str, str]) -> Refusal | None:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        wanted = self.token.get_secret_value() if self.token is not None else ""
        if scheme.lower() == "bearer" and _same(given.strip(), wanted):
            return None
        return Refusal(401, "send the admin token as Authorization: Bearer TOKEN")


def _same(given: str, wanted: str) -> bool:
    """Compares in constant time; the hashes hide the length too."""
    left, right = (hashlib.sha256(text.encode("utf-8", "replace")) for text in (given, wanted))
    return hmac.compare_digest(left.digest(), right.digest())


def _read_only(method: str) -> Refusal | None:
    if method in _READING:
        return None
    return Refusal(
        403,
        "this port is read-only: it can be reached from other machines and has no token, so set "
        "admin.token or listen on 127.0.0.1",
    )


def _from_elsewhere(method: str, headers: Mapping[str, str]) -> Refusal | None:
    host = headers.get("Host", "")
    if not _is_this_machine(host):
        return Refusal(
            403, f"without a token this port answers to localhost or an IP address, not to {host!r}"
        )
    if method in _READING:
        return None
    site = headers.get("Sec-Fetch-Site", "none")
    origin = headers.get("Origin")
    if site not in _OWN_SITE or (origin is not None and urlsplit(origin).netloc != host):
        return Refusal(403, "without a token this port takes no commands from another web site")
    return None


def _is_this_machine(host: str) -> bool:
    """An IP address cannot be rebound: a browser that names one means it."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
