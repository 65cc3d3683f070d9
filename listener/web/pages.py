"""The dashboard's files, held in memory, and the headers that keep a browser strict.

Nothing of it is loaded from elsewhere and nothing is written into the page: what
https://www.w3.org/TR/CSP3/ calls ``'self'`` is all there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

from listener.web.lookup import Refused

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_STRICT = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


async def strict(_: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers to every answer of the port."""
    for name, value in _STRICT.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")


class Pages:
    """Serves the files of the package's folder ``dashboard``."""

    def __init__(self, plain: str) -> None:
        """`plain` is the front page for who does not ask for HTML."""
        self._plain = plain
        root = resources.files("listener.web") / "dashboard"
        self._files = dict(_read(root, ""))

    async def front(self, request: web.Request) -> web.Response:
        """The dashboard for browsers, a few lines of text for others."""
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=self._plain)
        return self._answer(request, "index.html")

    async def file(self, request: web.Request) -> web.Response:
        """One file by its path."""
        return self._answer(request, request.match_info["path"])

    def _answer(self, request: web.Request, path: str) -> web.Response:
        known = self._files.get(path)
        if known is None:
            raise Refused(404, f"the dashboard has no file {path!r}")
        body, tag = known
        headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"', "Vary": "Accept"}
        if any(given.value == tag for given in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        suffix = path[path.rindex(".") :]
        return web.Response(body=body, headers={**headers, "Content-Type": _TYPES[suffix]})


def _read(folder: Traversable, path: str) -> Iterator[tuple[str, tuple[bytes, str]]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(tuple(_TYPES)):
            body = entry.read_bytes()
            yield f"{path}{entry.name}", (body, hashlib.sha256(body).hexdigest()[:16])
