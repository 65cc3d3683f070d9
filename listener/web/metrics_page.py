"""The metrics page: a registry in, its exposition out, rendered beside the event loop.

A hundred targets take 0.1 s to render as text and nearly twice that as OpenMetrics. On the event
loop that would stall everything else and show up in the very durations that are measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

# A cheap page stays fresh and a dear one takes at most a tenth of one core.
_KEPT_RENDER_TIMES = 10
# The content type repeats what the caller sent: without a bound a caller could fill the memory.
_MOST_KINDS = 4


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    expires: float


class MetricsPage:
    """Renders one registry; callers at the same time, and shortly after, share one rendering."""

    def __init__(
        self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._pages: dict[str, asyncio.Task[_Page]] = {}

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The page in the format that an ``Accept`` header asks for, and its content type.

        OpenMetrics only where the header names it, else the text format
        (https://prometheus.io/docs/instrumenting/content_negotiation/).
        """
        encode, content_type = choose_encoder(accept)
        task = self._pages.get(content_type)
        if task is None or self._stale(task):
            if len(self._pages) >= _MOST_KINDS:
                self._pages.clear()
            task = asyncio.create_task(asyncio.to_thread(self._render, encode))
            self._pages[content_type] = task
        # One caller that hangs up must not take the page from the others.
        page = await asyncio.shield(task)
        return page.body, content_type

    def _stale(self, task: asyncio.Task[_Page]) -> bool:
        if not task.done():
            return False
        failed = task.cancelled() or task.exception() is not None
        return failed or self._clock() >= task.result().expires

    def _render(self, encode: Callable[[CollectorRegistry], bytes]) -> _Page:
        began = self._clock()
        body = encode(self._registry)
        ended = self._clock()
        return _Page(body, ended + _KEPT_RENDER_TIMES * (ended - began))
