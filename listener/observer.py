"""What a process shows from memory: targets for the hooks' answers, queues, the state of Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from listener.matching import Shown
from listener.store import Archive, Durability, Fleet, Store, Unavailable, durability
from listener.telemetry import Metrics

log = structlog.get_logger(__name__)

_LOOK_EVERY = 3.0
_LOOK_AGAIN = 0.5
_DURABILITY_EVERY = 30.0
# Only scrapes ask how much waits, and they come every 15 s.
_QUEUE_EVERY = 5.0


class Observer:
    """Looks at Redis all the time, so that no hook and no scrape has to.

    `queue` is how much waits on each host and for how long, in seconds; `redis_problem` why Redis
    does not answer, None while it does.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.queue: dict[str, tuple[int, float]] = {}
        self.redis_problem: str | None = "redis was not asked yet"
        self._metrics = metrics
        self._shown = Shown()
        self._wake = asyncio.Event()
        self._redis = ""
        self._counted = -_QUEUE_EVERY
        self._risks: tuple[str, ...] = ()

    def renew(self) -> None:
        """Looks at once: the worker of this process has published."""
        self._wake.set()

    async def ask(self, store: Store, within: float) -> str | None:
        """Why Redis does not answer, asked now and for so many seconds; None where it does."""
        if self.redis_problem is None:
            try:
                async with asyncio.timeout(within):
                    await store.look()
            except Unavailable as problem:
                return str(problem)
            except TimeoutError:
                return f"Redis at {store.where} does not answer within {within:g} s"
        return self.redis_problem

    def shown(self) -> Shown:
        """Every target as its worker last published it."""
        return self._shown

    async def run(self, store: Store, *, receives: bool, own: Callable[[], str | None]) -> None:
        """Looks without end; `own` tells the host whose worker runs in this process, if one does.

        Targets and hosts are looked at where this process `receives` hooks.
        """
        archive, fleet = Archive(store), Fleet(store)
        asked = 0.0
        while True:
            self._wake.clear()
            try:
                await store.look()
                self._set_redis(None, store.where)
                if time.monotonic() - asked > _DURABILITY_EVERY or not asked:
                    self._set_durability(await durability(store))
                    asked = time.monotonic()
                if receives:
                    await self._look(archive, fleet, own())
            except Unavailable as problem:
                self._set_redis(str(problem), store.where)
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    _LOOK_EVERY if self.redis_problem is None else _LOOK_AGAIN
                ):
                    await self._wake.wait()

    async def _look(self, archive: Archive, fleet: Fleet, own: str | None) -> None:
        self._shown = Shown(await archive.targets())
        if time.monotonic() - self._counted >= _QUEUE_EVERY:
            self._counted = time.monotonic()
            self.queue = {
                host: (queue.depth, queue.oldest_seconds)
                for host, queue in (await archive.queue()).items()
            }
        hosts = await archive.hosts()
        self._metrics.hosts_seen((host.name for host in hosts), await fleet.alive(hosts), own)

    def _set_redis(self, problem: str | None, where: str) -> None:
        if problem is not None and self.redis_problem is None:
            log.error("redis", reason=problem)
        elif problem is None and (self.redis_problem is not None or where != self._redis):
            log.info("redis answers", at=where)
        self.redis_problem, self._redis = problem, where
        self._metrics.redis_up(problem is None)

    def _set_durability(self, found: Durability) -> None:
        self._metrics.redis_durable(found.durable is True)
        if found.findings and found.findings != self._risks:
            log.warning("redis may lose what it took", at=self._redis, reason=found.findings)
        self._risks = found.findings
