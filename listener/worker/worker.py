"""The worker's life: it waits for its engine and the lease, recovers, and works until it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from listener.config import Settings
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.drivers.own import lasting_name
from listener.registry import Credentials, Resolver
from listener.store import Archive, Holder, Lease, LeaseLost, Store, Unavailable
from listener.telemetry import Metrics
from listener.worker.tenure import Tenure
from listener.worker.waiting import until

log = structlog.get_logger(__name__)

_RETRY_EVERY = 1.0


class Worker:
    """One host's worker. `run` returns after `stop`, when what ran is finished or parked.

    `owner` is the owner of its leases; `alone` says that there is no other host, so that a
    configured container that is absent here is absent. `published` is called when others are
    shown something new of its targets.
    """

    swarm = False
    """Whether it deploys the services of a swarm, not the containers of an engine."""

    def __init__(  # noqa: PLR0913 - what a worker is given
        self,
        settings: Settings,
        store: Store,
        owner: str,
        metrics: Metrics,
        published: Callable[[], None] = lambda: None,
        *,
        alone: bool,
    ) -> None:
        self.settings = settings
        self._alone = alone
        self._problem: str | None = "the worker has not begun"
        self._store = store
        self._owner = owner
        self._metrics = metrics
        self._published = published
        self._stopping = asyncio.Event()
        self._tenure: Tenure | None = None
        self._machine = ""

    @property
    def problem(self) -> str | None:
        """Why it does not act now, as a sentence; None while it does."""
        return self._problem or (self._tenure.engine_problem if self._tenure else None)

    async def ask(self, within: float) -> str | None:
        """Why it does not act now, its engine asked for so many seconds; None where it does."""
        if self.problem is not None or self._tenure is None:
            return self.problem
        return await self._tenure.ask(within)

    def stop(self) -> None:
        """Takes no more work; running steps may go on for `shutdown_grace`."""
        self._stopping.set()
        if self._tenure is not None:
            self._tenure.stop()

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration: targets, defaults, registries."""
        self.settings = self._named(settings)
        if self._tenure is not None:
            self._tenure.replace_settings(self.settings)

    async def run(self) -> None:
        """Holds the lease whenever it can, and works while it holds it."""
        self._told(self._problem)
        engine = Engine(self.settings.engine)
        try:
            while not self._stopping.is_set():
                if await self._reach(engine):
                    await self._hold(engine)
        finally:
            await engine.close()

    async def _reach(self, engine: Engine) -> bool:
        try:
            await engine.connect()
        except (EngineAway, EngineError) as problem:
            await self._wait_for("the engine", str(problem))
            return False
        self._machine = engine.name
        self.settings = self._named(self.settings)
        return True

    def _named(self, settings: Settings) -> Settings:
        """With the machine's name for a worker that has none but its container's id."""
        name = lasting_name(settings.host, self._machine)
        if name != settings.host:
            self._metrics.worker_forgotten(settings.host)
        return settings.model_copy(update={"host": name})

    async def _hold(self, engine: Engine) -> None:
        lease = Lease(self._store, engine.engine_id, self._owner, self.settings.host)
        try:
            if not await lease.acquire():
                await self._wait_for("the lease", _taken(await lease.holder(), lease))
                return
        except Unavailable as problem:
            await self._wait_for("redis", str(problem))
            return
        await self._work(engine, lease)

    async def _tend(self, engine: Engine) -> None:
        """Returns where the lease is of no use any more: another engine has this one's address."""
        await engine.exchanged.wait()
        log.warning("the lease is left: another engine answers now", host=self.settings.host)

    async def _work(self, engine: Engine, lease: Lease) -> None:
        settings = self.settings
        credentials = Credentials(settings.registries)
        resolver = Resolver(settings.registries, credentials)
        engine.guard = lease.guard
        self._tenure = tenure = Tenure(
            settings,
            engine,
            lease,
            self._store,
            Archive(self._store),
            resolver,
            credentials,
            self._metrics,
            self._published,
            alone=self._alone,
            swarm=self.swarm,
        )
        if self._stopping.is_set():
            tenure.stop()
        log.info("worker begins", host=settings.host, engine=engine.version, fence=lease.fence)
        self._told(None)
        try:
            await self._serve(engine, tenure)
        except* LeaseLost as lost:
            self._metrics.lease_lost(settings.host)
            reason = str(_innermost(lost))
            log.warning("lease lost, all work stopped", host=settings.host, reason=reason)
        except* Exception:
            # A fault of ours: what ran is in the journals, and a new tenure goes on with it.
            log.exception("the worker stopped by a fault of this program, and begins again")
            await asyncio.sleep(_RETRY_EVERY)
        finally:
            self._tenure = None
            engine.guard = None
            await resolver.close()
            self._told("the worker has stopped")
            with suppress(Unavailable, LeaseLost):
                await lease.release()

    async def _serve(self, engine: Engine, tenure: Tenure) -> None:
        """Works to the tenure's end, or until it is better left to another worker."""
        tasks = [asyncio.create_task(tenure.run()), asyncio.create_task(self._tend(engine))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _wait_for(self, what: str, reason: str) -> None:
        sentence = f"waiting for {what}: {reason}"
        if self._problem != sentence:
            log.warning(f"waiting for {what}", host=self.settings.host, reason=reason)
        self._told(sentence)
        await until(self._stopping, _RETRY_EVERY)

    def _told(self, problem: str | None) -> None:
        self._problem = problem
        self._metrics.worker_up(self.settings.host, problem is None)


def _taken(holder: Holder | None, lease: Lease) -> str:
    who = f"the worker {holder.host} (since {holder.since:%H:%M:%S})" if holder else "?"
    reason = f"{who} works for engine {lease.engine_id}; one at a time does"
    if holder is None or holder.host == lease.host:
        return reason
    return (
        f"{reason}; where {lease.host} is another machine, one is a copy of the other: remove "
        "/etc/docker/key.json (newer engines: engine-id in the data directory) on it and restart "
        "its engine"
    )


def _innermost(problem: BaseException) -> BaseException:
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem
