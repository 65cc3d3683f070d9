"""The metrics page: a registry in, its exposition out, rendered beside the event loop.

A hundred targets take 0.1 s to render as text and nearly twice that as OpenMetrics. On the event
loop that would stall everything else and show up in the very durations that are measured. A thread
that renders without a rest is hardly better: both want the one interpreter, and whoever waits for
Redis in the loop has to win it back each time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric, Sample
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

# A cheap page stays fresh, and a dear one, which rests for most of its time, takes less than a
# tenth of one core.
_KEPT_RENDER_TIMES = 2
_STRETCH = 0.0005
"""Seconds that are rendered without a rest."""
_REST = 3
"""How many times as long as a stretch took is rested after it."""
# The content type repeats what the caller sent: without a bound a caller could fill the memory.
_MOST_KINDS = 4


Encode = Callable[[Collector], bytes]


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
        self._formats: dict[str, _Format] = {}

    async def render(self, accept: str) -> tuple[bytes, str]:
        """The page in the format that an ``Accept`` header asks for, and its content type.

        OpenMetrics only where the header names it, else the text format
        (https://prometheus.io/docs/instrumenting/content_negotiation/).
        """
        encode, content_type = choose_encoder(accept)
        if content_type not in self._formats:
            if len(self._formats) >= _MOST_KINDS:
                self._formats.clear()
            self._formats[content_type] = _Format(self._registry, encode, self._clock)
        return await self._formats[content_type].page(), content_type


class _Format:
    """One format of the page, as it was last rendered.

    Most families are as they were at the last scrape: their text is kept, and written anew only
    where a sample differs. That costs a quarter.
    """

    def __init__(
        self, registry: CollectorRegistry, encode: Encode, clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._encode = encode
        self._clock = clock
        self._end = encode(_Families())
        self._texts: dict[str, tuple[list[Sample], bytes]] = {}
        self._task: asyncio.Task[_Page] | None = None

    async def page(self) -> bytes:
        """The page, not older than a few times what it takes to render it."""
        if self._task is None or self._stale(self._task):
            self._task = asyncio.create_task(asyncio.to_thread(self._render))
        # One caller that hangs up must not take the page from the others.
        return (await asyncio.shield(self._task)).body

    def _stale(self, task: asyncio.Task[_Page]) -> bool:
        if not task.done():
            return False
        failed = task.cancelled() or task.exception() is not None
        return failed or self._clock() >= task.result().expires

    def _render(self) -> _Page:
        began, pace = self._clock(), _Pace()
        texts = [self._text(family, pace) for family in self._registry.collect()]
        ended = self._clock()
        return _Page(b"".join((*texts, self._end)), ended + _KEPT_RENDER_TIMES * (ended - began))

    def _text(self, family: Metric, pace: _Pace) -> bytes:
        pace.rest()
        samples, text = self._texts.get(family.name, ([], b""))
        if not text or samples != family.samples:
            samples = family.samples
            family.samples = _Rested(samples, pace)
            text = self._encode(_Families(family)).removesuffix(self._end)
            self._texts[family.name] = samples, text
        return text


class _Families(Collector):
    """A registry of these families alone."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


class _Pace:
    """The rests of a thread that has time."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def rest(self) -> None:
        worked = time.perf_counter() - self._began
        if worked > _STRETCH:
            time.sleep(_REST * worked)
            self._began = time.perf_counter()


class _Rested(list[Sample]):
    """Samples whose reader rests now and then."""

    def __init__(self, samples: Iterable[Sample], pace: _Pace) -> None:
        super().__init__(samples)
        self._pace = pace

    def __iter__(self) -> Iterator[Sample]:
        for sample in super().__iter__():
            self._pace.rest()
            yield sample
