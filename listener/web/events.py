"""``GET /api/v1/events``: every change as a server-sent event.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. A stream begins with
``ready``, after what its reader missed since Last-Event-ID, or with ``reset``, where that can no
longer be told: then everything has to be read anew.
"""

from __future__ import annotations

import asyncio
import random

from aiohttp import web

from listener.store import Changes, read_place
from listener.web.arguments import BadArgument, read_query
from listener.web.broadcast import Broadcast, Ear
from listener.web.lookup import Refused
from listener.web.tidings import Tidings

_MOST = 200
_HEARTBEAT = 15.0
_PATIENCE = 10.0
# Whoever has a stream proves now and then that it may still have it.
_LONGEST = 3600.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    # nginx would hold events back otherwise.
    "X-Accel-Buffering": "no",
}


class Events:
    """The handler of the streams of one admin port."""

    def __init__(self, changes: Changes, tidings: Tidings) -> None:
        self._broadcast = Broadcast(changes, tidings)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Streams until the client leaves, is too slow, or an hour has passed."""
        asked = read_query(request.query, ("since",))
        # A page that opens a new stream cannot set the header.
        text = request.headers.get("Last-Event-ID") or asked.get("since", "")
        since = read_place(text)
        if text and since is None:
            raise BadArgument(f"Last-Event-ID: {text!r} is not the id of an event")
        if len(self._broadcast) >= _MOST:
            raise Refused(503, f"{_MOST} streams of events are open here: close some")
        ear, first = await self._broadcast.join(since)
        response = web.StreamResponse(headers=_HEADERS)
        try:
            await response.prepare(request)
            await self._pass_on(ear, b"retry: 2000\n" + first, response)
        except ConnectionResetError:
            pass
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._broadcast.leave(ear)
        return response

    async def close(self, _: web.Application) -> None:
        """Ends all streams."""
        await self._broadcast.close()

    async def _pass_on(self, ear: Ear, batch: bytes | None, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST * random.uniform(0.9, 1.1)  # noqa: S311 - no secret depends on it
        while batch is not None and loop.time() < until:
            async with asyncio.timeout(_PATIENCE):
                await response.write(batch)
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    batch = await ear.next()
            except TimeoutError:
                batch = b":\n\n"
