"""Sessions of browsers: the admin token is shown once, a cookie stands for it from then on.

A cookie says until when it holds, signed with a key made from the token: nothing is stored, every
admin port with this token takes it, and another token ends all sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

from pydantic import SecretStr

LASTS = 12 * 3600
"""Seconds, a long shift."""
HEADER = "X-Listener-Session"
"""A page of another site cannot send it: a browser would ask us first, and we never agree."""

_OWN_SITE = {"same-origin", "none"}


class Sessions:
    """Issues and checks the cookies of one admin token."""

    def __init__(self, token: SecretStr) -> None:
        secret = token.get_secret_value().encode()
        self._key = hmac.digest(secret, b"listener: sessions", "sha256")
        # Cookies of a machine know no ports: two listeners on one must not end each other's.
        self.name = f"listener-{hmac.digest(self._key, b'name', 'sha256').hex()[:8]}"

    def issue(self) -> str:
        """The value of a new cookie."""
        until = str(int(time.time()) + LASTS)
        return f"{until}.{self._sign(until)}"

    def holds(self, headers: Mapping[str, str]) -> bool:
        """Whether a request bears a cookie of ours that has not run out."""
        until, _, signature = self._cookie(headers.get("Cookie", "")).partition(".")
        known = hmac.compare_digest(signature.encode(), self._sign(until).encode())
        return known and until.isdigit() and int(until) > time.time()

    def _cookie(self, header: str) -> str:
        """Our own, whatever else is there: one odd cookie of another program on the machine makes
        the library drop all of them.
        """
        pairs = (part.partition("=") for part in header.split(";"))
        return next((value.strip() for name, _, value in pairs if name.strip() == self.name), "")

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, until.encode(), hashlib.sha256).hexdigest()


def from_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a request was made by a page of this port."""
    return HEADER in headers and headers.get("Sec-Fetch-Site", "none") in _OWN_SITE
