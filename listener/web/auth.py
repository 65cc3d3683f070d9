"""Who may call the admin port: in come a request's headers, out goes a refusal or none.

Three cases. With a token every call needs ``Authorization: Bearer TOKEN``, ``/metrics`` too (a
scrape configuration has ``authorization.credentials_file`` for it), or the cookie of a session, and
then commands come from our own page only. Without one, an address that
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
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from listener.web.sessions import Sessions, from_own_page

_READING = {"GET", "HEAD"}
_OPEN_PATHS = {"/", "/healthz", "/readyz"}
_DASHBOARD = "/dashboard/"
SESSION = "/api/v1/session"
_OWN_SITE = {"same-origin", "none"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status, 401 or 403, and the one sentence that goes with it."""

    status: int
    sentence: str


@dataclass
class Gate:
    """The rule of one admin port: whether only this machine reaches it, and its token, if any."""

    loopback: bool
    token: SecretStr | None

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
        """Why this request may not pass; None when it may.

        `headers` is a case-insensitive mapping. Probes and the files of the dashboard hold nothing
        secret and are open to everybody, as is signing in.
        """
        is_open = path in _OPEN_PATHS or path.startswith(_DASHBOARD)
        if (is_open and method in _READING) or path == SESSION:
            return None
        if self.token is not None:
            return self._without_token(method, headers)
        if not self.loopback:
            return _read_only(method)
        return _from_elsewhere(method, headers)

    @cached_property
    def sessions(self) -> Sessions | None:
        """The sessions of browsers; None where there is no token to begin one with."""
        return Sessions(self.token) if self.token is not None else None

    @property
    def read_only(self) -> bool:
        """Whether nobody may give commands."""
        return self.token is None and not self.loopback

    def replace_token(self, token: SecretStr | None) -> None:
        """Takes a reloaded token; the sessions that the one before began are over."""
        if token != self.token:
            self.token = token
            self.__dict__.pop("sessions", None)

    def is_token(self, given: str) -> bool:
        """Whether this is the admin token."""
        return self.token is not None and _same(given.strip(), self.token.get_secret_value())

    def _without_token(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given):
            return None
        if self.sessions is not None and self.sessions.holds(headers):
            if method in _READING or from_own_page(headers):
                return None
            return Refusal(403, "a session takes commands from the dashboard's own page only")
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
