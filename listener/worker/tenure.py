"""One tenure: what a worker does from the moment it holds the lease until it loses or leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from listener.config import Settings
from listener.deploy.acts import Acts
from listener.deploy.outcomes import Nothing, Outcome, Overtaken
from listener.deploy.runner import Performer, Runner
from listener.deploy.services import ServiceActs
from listener.deploy.wanted import Wanted
from listener.discovery import Discovery
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError, EngineStuck
from listener.model.deployment import Deployment
from listener.model.target import Target
from listener.registry import Credentials, Patient, Resolver
from listener.services import Services
from listener.store import (
    Archive,
    Lease,
    Ledger,
    PushLog,
    Rollouts,
    Store,
    Unavailable,
)
from listener.telemetry import Metrics
from listener.worker.admission import Admission
from listener.worker.couriers import Couriers
from listener.worker.inbox import Inbox
from listener.worker.lanes import Lanes
from listener.worker.mending import Mending, Mends
from listener.worker.overview import Overview
from listener.worker.reconcile import Reconcile
from listener.worker.rehearsals import Rehearsals
from listener.worker.rolling import KEEP_EVERY, Rolling
from listener.worker.service_mending import ServiceMending
from listener.worker.slots import Slots
from listener.worker.targets import Targets
from listener.worker.waiting import until

log = structlog.get_logger(__name__)

_PUBLISH_EVERY = 10.0
_SETTLE = 0.3
_RETRY_EVERY = 0.5
_SERVICE_CHANGES = {"type": ["service", "node"]}
_CHANGES = {
    "type": ["container"],
    "event": ["create", "start", "die", "destroy", "rename", "health_status", "pause", "unpause"],
}


class Tenure:
    """The tasks of a lease holder. `run` ends after `stop`; raises LeaseLost (in a group).

    `engine_problem` says why the engine gives no answer, while it gives none.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a worker is made of
        self,
        settings: Settings,
        engine: Engine,
        lease: Lease,
        store: Store,
        archive: Archive,
        resolver: Resolver,
        credentials: Credentials,
        metrics: Metrics,
        published: Callable[[], None],
        *,
        alone: bool,
        swarm: bool = False,
    ) -> None:
        """With `swarm` for the services behind the engine, else for its containers."""
        self._settings = settings
        self._engine = engine
        self._lease = lease
        self._archive = archive
        self._resolver, self._credentials = resolver, credentials
        self._wanted = Wanted(engine, resolver, credentials)
        ledger = Ledger(
            store,
            lease,
            settings.host,
            history=settings.history.deployments,
            push_age=settings.history.pushes,
        )
        self._couriers = Couriers(settings, ledger)
        ledger.notices = self._couriers.notices
        self._changes = _SERVICE_CHANGES if swarm else _CHANGES
        self._lanes = Lanes(ledger, archive)
        shown = settings.host, ledger, archive, self._lanes, metrics, published
        self._overview = Overview(*shown)
        self._discovery: Targets
        acts: Performer
        mending: Mends
        if swarm:
            self._discovery = Services(engine, settings, alone=alone)
            acts = ServiceActs(engine, credentials, self._wanted, self._give_up)
            mending = ServiceMending(engine, self._discovery, self._overview)
        else:
            self._discovery = containers = Discovery(engine, settings, alone=alone)
            acts = Acts(engine, credentials, self._wanted, self._give_up, self._alone)
            mending = Mending(engine, containers)
        runner = Runner(engine, acts, ledger, metrics)
        self._rehearsals = Rehearsals(runner, self._lanes, self._overview, metrics)
        self._admission = Admission(settings.host, self._lanes, self._rehearsals, metrics)
        rollouts = Rollouts(store, lease)
        self._rolling = Rolling(settings.host, rollouts, self._wanted, self._overview)
        self._slots = Slots(
            settings,
            engine,
            runner,
            self._rolling,
            self._lanes,
            self._overview,
            self._discovery,
            mending,
            metrics,
        )
        patient = Patient(resolver, resolver.limits)
        self._reconcile = Reconcile(
            settings.host,
            self._discovery,
            Wanted(engine, patient, credentials),
            self._overview,
            self._lanes,
            self._admission,
            self._slots.wake,
        )
        self._wanted.doubt = self._reconcile.doubt
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        pushes = PushLog(store, max_age=settings.history.pushes)
        self._inbox = Inbox(
            pushes, ledger, self._admission, self._reconcile, self._targets, self._queued
        )
        self.engine_problem: str | None = "its targets were not looked at yet"

    async def ask(self, within: float) -> str | None:
        """Why the engine does not answer within so many seconds; None where it does."""
        try:
            async with asyncio.timeout(within):
                await self._engine.ping()
        except (EngineAway, EngineError) as problem:
            return str(problem)
        except TimeoutError:
            return f"the engine does not answer within {within:g} s"
        return None

    def stop(self) -> None:
        """Takes no more work."""
        self._stopping.set()
        self._slots.stop()

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
        self._settings = settings
        self._discovery.replace_settings(settings)
        self._couriers.replace_settings(settings)
        self._slots.replace_settings(settings)
        self._resolver.registries = self._credentials.registries = settings.registries
        self._changed.set()

    async def run(self) -> None:
        """Recovers, then works until stopped."""
        try:
            await self._work()
        finally:
            await self._slots.abandon()
            await self._rehearsals.abandon()
            await self._couriers.abandon()
            await self._rolling.abandon()
            self._overview.abandon()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep_lease())
            routine = group.create_task(self._routine())
            await self._stopping.wait()
            routine.cancel()
            await self._slots.drain(self._settings.shutdown_grace)
            keeper.cancel()

    async def _routine(self) -> None:
        await self._insist(self._take_names)
        await self._insist(self._slots.recover)
        await self._insist(self._recall)
        async with asyncio.TaskGroup() as group:
            for act in (
                self._inbox.read_pushes,
                self._inbox.read_commands,
                self._publish,
                self._hear_events,
                self._reconcile.look,
                self._slots.fill,
                self._keep_turns,
                self._couriers.look,
            ):
                group.create_task(self._persist(act), name=act.__qualname__)

    async def _keep_lease(self) -> None:
        await self._lease.keep()
        # It returns when the lease is lost; asking once more says so to everybody.
        await self._lease.guard()

    async def _insist(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await act()
            except (EngineAway, EngineError, Unavailable) as problem:
                self._note(problem)
                log.warning("recovery waits", reason=str(problem))
                await asyncio.sleep(_RETRY_EVERY)

    async def _persist(self, act: Callable[[], Awaitable[None]]) -> None:
        """Repeats an act for ever, also while the engine or Redis is away."""
        told = False
        while True:
            try:
                await act()
                told = False
            except (EngineAway, EngineError, Unavailable) as problem:
                self._note(problem)
                if not told:
                    log.warning("waiting", reason=str(problem))
                told = True
                await asyncio.sleep(_RETRY_EVERY)

    def _note(self, problem: Exception) -> None:
        if isinstance(problem, EngineAway):
            self.engine_problem = str(problem)
            self._changed.set()

    async def _take_names(self) -> None:
        host = self._settings.host
        views = await self._archive.targets()
        self._discovery.remember([view for view in views if view.host == host])

    async def _recall(self) -> None:
        """Where Redis knows nothing of a target, the held images on the engine do."""
        for target in await self._discovery.targets():
            memory = await self._overview.memory(target.name)
            if memory.good:
                continue
            try:
                await self._slots.recall(target)
            except (EngineError, EngineStuck) as problem:
                # One wreck must not hold up all other targets.
                log.warning("held images not seen", target=target.name, reason=str(problem))

    def _queued(self) -> None:
        self._slots.wake()
        self._changed.set()

    async def _targets(self) -> list[Target]:
        """All of them, also those that a swap hides: what is asked for one then is for it."""
        return self._overview.whole(await self._discovery.targets())

    async def _keep_turns(self) -> None:
        await self._rolling.keep()
        await asyncio.sleep(KEEP_EVERY)

    async def _publish(self) -> None:
        self._changed.clear()
        targets = await self._discovery.targets()
        self.engine_problem = None
        await self._overview.publish(self._engine, targets)
        self._slots.wake()
        await until(self._changed, _PUBLISH_EVERY)
        await asyncio.sleep(_SETTLE)

    async def _hear_events(self) -> None:
        """Events only wake; what the engine lists is the truth."""
        async for _ in self._engine.events(self._changes):
            self._inbox.stale()
            self._changed.set()
        await asyncio.sleep(_RETRY_EVERY)

    async def _alone(self, deployment: Deployment) -> None:
        await self._slots.alone(deployment.target)

    def _give_up(self, deployment: Deployment) -> Outcome | None:
        newer = self._lanes.waiting(deployment.target)
        # The events of one push, or a push that reconcile saw first, bring the same digest.
        same = newer is not None and newer.hint is not None and newer.hint == deployment.to_digest
        # A dry run is in nobody's way, and what goes back goes back from what runs then.
        back = newer is not None and newer.cause is not None
        if newer is not None and not same and not back and not deployment.dry_run:
            return Overtaken(newer.id)
        if deployment.id in self._lanes.cancelled:
            return Nothing("cancelled by hand before anything was changed")
        return None
