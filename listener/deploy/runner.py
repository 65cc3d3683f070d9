"""Runs one deployment from its announced act to its final state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from listener.deploy.claims import Claims
from listener.deploy.machine import advance, begin
from listener.deploy.outcomes import Committed, Done, Faulted, Outcome, Pulled
from listener.deploy.progress import ActProgress
from listener.deploy.retention import good_old, with_bad, with_good
from listener.deploy.stuck import Stuck
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway
from listener.faults import fault_point
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Journal, Phase
from listener.model.target import Bad, Memory
from listener.store import LeaseLost, Unavailable
from listener.telemetry import Metrics, RollbackReason

log = structlog.get_logger(__name__)

T = TypeVar("T")
_RETRY_EVERY = 0.5
_REPORT_EVERY = 1.0
_STOP, _START = 10.0, 5.0
_UNDIVIDED = (Phase.CUTOVER, Phase.HANDOVER, Phase.REVERT, Phase.REVIVE, Phase.STEP_ASIDE)
_PARKED = (Phase.CUTOVER, Phase.HANDOVER)
_UNPULLED = (Phase.RESOLVE, Phase.PLAN, Phase.PULL, Phase.UPDATE)


class Performer(Protocol):
    """Does what a journal announces: for containers or for services."""

    claims: Claims
    """Which deployments are under way, and on which containers."""

    async def perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        """What came of it; raises EngineAway and LeaseLost."""


class Records(Protocol):
    """Where journals are saved: Redis, or the file of a helper."""

    async def save(self, journal: Journal) -> None:
        """Keeps the journal and the record of its deployment."""

    async def record(self, deployment: Deployment) -> None:
        """Keeps the record alone."""

    async def journals(self) -> list[Journal]:
        """Those of the deployments that have not ended."""


class Runner:
    """Saves the journal before each act, waits out engine and Redis, and counts what happened."""

    def __init__(self, engine: Engine, acts: Performer, ledger: Records, metrics: Metrics) -> None:
        self._engine = engine
        self._acts = acts
        self._ledger = ledger
        self._metrics = metrics
        self.stops_at: float | None = None
        """When what runs is ended, on the monotonic clock; None while this program goes on."""

    async def run(self, journal: Journal, memory: Memory) -> tuple[Journal, Memory]:
        """Goes on until the deployment is final; answers it, not yet saved, and the new memory.

        Raises LeaseLost where another worker took over; then nothing more may be done.
        """
        with self._acts.claims.until_its_end(journal):
            return await self._run(journal, memory)

    async def _run(self, journal: Journal, memory: Memory) -> tuple[Journal, Memory]:
        if journal.phase not in _UNPULLED:
            # What the pull remembered was not saved when a kill came in between.
            memory = _with_old(journal, memory)
        while not journal.deployment.state.final:
            journal = begin(journal, utc_now())
            await self.insist(partial(self._ledger.save, journal))
            fault_point(f"before-{journal.phase}")
            outcome = await self._perform_and_report(journal, memory)
            fault_point(journal.phase)
            memory = self._remember(journal, outcome, memory)
            done, journal = journal, advance(journal, outcome, utc_now())
            self._tell(done, journal)
        return journal, memory

    async def rehearse(self, journal: Journal, memory: Memory) -> Deployment:
        """A dry run to its end. Nothing is saved, for nothing is changed that has to be mended."""
        while not journal.deployment.state.final:
            journal = begin(journal, utc_now())
            outcome = await self._perform(journal, memory, ActProgress())
            journal = advance(journal, outcome, utc_now())
        return journal.deployment

    async def journals(self) -> list[Journal]:
        """The deployments that were interrupted."""
        return await self._ledger.journals()

    async def insist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Repeats an act until Redis answers; what that says."""
        told = False
        while True:
            try:
                return await act()
            except Unavailable as fault:
                if not told:
                    log.warning("waiting for redis", reason=str(fault))
                told = True
                await asyncio.sleep(_RETRY_EVERY)

    async def _perform_and_report(self, journal: Journal, memory: Memory) -> Outcome:
        progress = ActProgress()
        reporter = asyncio.create_task(self._report(journal.deployment, progress))
        try:
            return await self._perform(journal, memory, progress)
        finally:
            # Ended before the next save, which a late report must not overwrite.
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)

    async def _report(self, deployment: Deployment, progress: ActProgress) -> None:
        """Shows how far an act is, once a second where that has changed."""
        shown = deployment.steps[-1]
        while True:
            await asyncio.sleep(_REPORT_EVERY)
            step = progress.of(deployment.steps[-1])
            if step != shown:
                shown = step
                steps = (*deployment.steps[:-1], step)
                with suppress(Unavailable):
                    await self._ledger.record(deployment.model_copy(update={"steps": steps}))

    async def _perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        told = False
        stuck = Stuck()
        while True:
            try:
                if not told:
                    self._park(journal)
                return await _undivided(self._acts.perform(journal, memory, progress), journal)
            except EngineAway as fault:
                stuck = stuck.after(fault)
                if stuck.hopeless:
                    return Faulted(str(fault), blameless=True)
                if not told:
                    log.warning(
                        "waiting for the engine",
                        deployment=journal.deployment.id,
                        reason=str(fault),
                    )
                told = True
                await asyncio.sleep(_RETRY_EVERY)
            except LeaseLost:
                raise
            except Exception as fault:
                # A fault of ours must not leave a swap half done: the machine takes it back.
                log.exception("a fault of this program", deployment=journal.deployment.id)
                return Faulted(f"a fault of this program: {type(fault).__name__}: {fault}")

    def _park(self, journal: Journal) -> None:
        """Ends this task at an act that would not end before this program does: it is done when
        that is started again.
        """
        if self.stops_at is None or journal.phase not in _PARKED:
            return
        if time.monotonic() + _seconds(journal) > self.stops_at:
            log.info("parked for the next start", deployment=journal.deployment.id)
            raise asyncio.CancelledError

    def _remember(self, journal: Journal, outcome: Outcome, memory: Memory) -> Memory:
        keep = journal.target.settings.keep
        match outcome:
            case Committed(good, _, _) if good is not None:
                return with_good(memory, good, keep)
            case Pulled():
                return _with_old(journal, memory)
            case Done() if journal.phase is Phase.UPDATE:
                return _with_old(journal, memory)
        return memory

    def _tell(self, before: Journal, after: Journal) -> None:
        deployment = after.deployment
        step = deployment.steps[-1] if deployment.steps else None
        if step is not None and step.finished_at is not None:
            seconds = (step.finished_at - step.started_at).total_seconds()
            self._metrics.step_ended(step.name, seconds)
        log.info(
            "deployment",
            deployment=deployment.id,
            target=deployment.target,
            step=str(before.phase),
            detail=step.detail if step else None,
            next=None if deployment.state.final else str(after.phase),
            state=str(deployment.state),
        )


def _with_old(journal: Journal, memory: Memory) -> Memory:
    """The memory with what ran before as something to go back to, if it was well."""
    old, keep = journal.old, journal.target.settings.keep
    if old is None or not old.was_healthy:
        return memory
    return with_good(memory, good_old(old, journal.target.tag, utc_now(), memory), keep + 1)


def final_memory(journal: Journal, memory: Memory) -> Memory:
    """What is known once a deployment ended: a digest that was taken back is a bad one, whether
    it was sick or a person went back from it, and so is one that was found sick beside the old.
    One that was taken back through no fault of its own is not.
    """
    deployment, old, new = journal.deployment, journal.old, journal.new
    taken_back = None
    if journal.condemned and deployment.state is not State.SUCCEEDED and new is not None:
        taken_back = new.digest, journal.verdict or "taken back"
    elif deployment.state is State.SUCCEEDED and deployment.trigger is Trigger.ROLLBACK and old:
        taken_back = old.digest or old.image_id, deployment.cause or "taken back by hand"
    if taken_back is None:
        return memory
    digest, reason = taken_back
    bad = Bad(digest=digest, deployment=deployment.id, reason=reason, at=utc_now())
    return with_bad(memory, bad)


def rollback_reason(journal: Journal) -> RollbackReason:
    """Why a deployment was taken back, as the metric names it."""
    match journal.sick_kind:
        case "exited" | "release" as kind:
            return kind
        case "start_error" | None:
            # Without a word against it, the swap was not done to its end.
            return "start_error"
    return "unhealthy"


async def _undivided(act: Coroutine[Any, Any, Outcome], journal: Journal) -> Outcome:
    """What comes of an act. One between whose stop and start nobody serves is not cancelled in its
    middle where this program stops, unless it takes longer than it should.
    """
    if journal.phase not in _UNDIVIDED:
        return await act
    task = asyncio.ensure_future(act)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait((task,), timeout=_seconds(journal))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        raise


def _seconds(journal: Journal) -> float:
    """What a stop and a start take at most, where all is as usual."""
    config = (journal.old.inspect.get("Config") or {}) if journal.old else {}
    own = config.get("StopTimeout")
    return (_STOP if own is None else float(own)) + _START
