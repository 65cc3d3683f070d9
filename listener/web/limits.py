"""How much of a body is read, for how long, and how often a hook may be called."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from aiohttp import web

from listener.config import Rate

READ_TIMEOUT = 5.0
"""Seconds that a sender has for its body."""


class BodyRefused(Exception):
    """The body is not taken: the status to answer with, and the reason in one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def read_body(request: web.Request, limit: int) -> bytes:
    """The raw body, of at most `limit` bytes; raises BodyRefused.

    A compressed body is refused: signatures cover what was sent, and no sender compresses.
    """
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() not in {"identity", ""}:
        raise BodyRefused(400, "expected a plain body, got one with a Content-Encoding")
    if request.content.is_eof():
        # All of it came with the head, as with most webhooks: there is nothing to wait for.
        whole = request.content.read_nowait()
        if len(whole) > limit:
            raise _too_long(limit)
        return whole
    if (request.content_length or 0) > limit:
        raise _too_long(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > limit:
                    raise _too_long(limit)
    except (web.RequestPayloadError, ConnectionError):
        raise BodyRefused(400, "the body ended early") from None
    except TimeoutError:
        raise BodyRefused(408, f"the body did not arrive within {READ_TIMEOUT:g} s") from None
    return bytes(body)


def _too_long(limit: int) -> BodyRefused:
    return BodyRefused(413, f"the body is longer than {limit} bytes")


class RateLimits:
    """How many requests each hook has left; a hook without a rate has no end of them.

    A hook that was left alone for the whole period may be called `count` times at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[Rate, float, float]] = {}

    def wait(self, hook: str, rate: Rate) -> int:
        """Takes one request: 0 where the hook may be called, else whole seconds until it may."""
        now = self._clock()
        known, left, at = self._left.get(hook, (rate, float(rate.count), now))
        if known != rate:
            left, at = float(rate.count), now
        left = min(rate.count, left + (now - at) * rate.count / rate.seconds)
        if left >= 1:
            self._left[hook] = (rate, left - 1, now)
            return 0
        self._left[hook] = (rate, left, now)
        return max(1, math.ceil((1 - left) * rate.seconds / rate.count))
