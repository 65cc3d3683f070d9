"""A registry that speaks the parts of the protocol that a plain one does not show."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

USER, PASSWORD = "ci", "s3cret-word"
BODY = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def basic_of(username: str, password: str) -> str:
    """The header that a login makes."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


class FakeRegistry:
    """Routes by path; remembers (method, path with query, headers) of each request."""

    def __init__(self) -> None:
        self.host = ""
        self.routes: dict[str, Answer] = {}
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.forms: list[dict[str, str]] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        self.seen.append((request.method, request.path_qs, request.headers))
        answer = self.routes.get(request.path)
        return await answer(request) if answer else web.Response(status=404)

    def methods(self) -> list[str]:
        """The methods that were used, in order."""
        return [method for method, _, _ in self.seen]

    def authorizations(self) -> list[str | None]:
        """What each request had as its login."""
        return [headers.get("Authorization") for _, _, headers in self.seen]

    def always(self, path: str, status: int = 200, **more: object) -> None:
        """Answers a path with the same thing each time."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, **more)  # type: ignore[arg-type] # keywords of Response

        self.routes[path] = answer

    def manifest(self, path: str, wanted: str | None = None, challenge: str = "") -> None:
        """Serves a manifest, to everybody or to those with the `wanted` authorization."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if wanted is not None and request.headers.get("Authorization") != wanted:
                return web.Response(status=401, headers={"WWW-Authenticate": challenge})
            return web.Response(body=BODY, headers={"Docker-Content-Digest": DIGEST})

        self.routes[path] = answer

    def tokens(self, path: str, token: str, login: str | None = None) -> None:
        """Gives out a token, to everybody or to those with this login or refresh token."""

        async def answer(request: web.Request) -> web.StreamResponse:
            form = {key: str(value) for key, value in (await request.post()).items()}
            self.forms.append(form)
            offered = form.get("refresh_token") or request.headers.get("Authorization")
            if login is not None and offered != login:
                return web.Response(status=401)
            return web.json_response({"access_token": token} if form else {"token": token})

        self.routes[path] = answer
