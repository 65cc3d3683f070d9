"""Signing in and out of the dashboard, and what a browser may do."""

from __future__ import annotations

import structlog
from aiohttp import web
from pydantic import SecretStr

from listener import __version__
from listener.model.base import Noun
from listener.web.arguments import read_body
from listener.web.auth import Gate
from listener.web.lookup import Refused
from listener.web.sessions import HEADER, LASTS, Sessions, from_own_page

_log = structlog.get_logger(__name__)


class SignIn(Noun):
    """The body of signing in."""

    token: SecretStr


class SigningIn:
    """The handlers of ``/api/v1/session``; they are open to everybody."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def show(self, request: web.Request) -> web.Response:
        """Whether a token is asked for, whether this browser has shown it, whether it may act."""
        signed_in = self._gate.sessions is not None and self._gate.sessions.holds(request.headers)
        return web.json_response(
            {
                "token_needed": self._gate.token is not None,
                "signed_in": signed_in,
                "read_only": self._gate.read_only,
                "version": __version__,
            }
        )

    async def begin(self, request: web.Request) -> web.Response:
        """Sets the cookie for the right token; 401 for another one."""
        sessions = self._sessions(request)
        given = read_body(await request.read(), SignIn).token.get_secret_value()
        if not self._gate.is_token(given):
            _log.warning("a wrong admin token was given", peer=request.remote)
            raise Refused(401, "that is not the admin token")
        answer = web.json_response({"signed_in": True})
        answer.set_cookie(
            sessions.name,
            sessions.issue(),
            max_age=LASTS,
            httponly=True,
            samesite="Strict",
            # Only the proxy that ends TLS knows; who lies here harms but itself.
            secure=request.headers.get("X-Forwarded-Proto", request.scheme) == "https",
        )
        return answer

    async def end(self, request: web.Request) -> web.Response:
        """Takes the cookie away."""
        sessions = self._sessions(request)
        answer = web.json_response({"signed_in": False})
        answer.del_cookie(sessions.name, httponly=True, samesite="Strict")
        return answer

    def _sessions(self, request: web.Request) -> Sessions:
        if self._gate.sessions is None:
            raise Refused(409, "this port has no token: nobody signs in here")
        if not from_own_page(request.headers):
            raise Refused(403, f"sign in from the dashboard, which sends {HEADER}")
        return self._gate.sessions
