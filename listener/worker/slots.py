"""Runs deployments: as many at once as configured, one for each target."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import structlog

from listener.config import Settings
from listener.deploy.replace import left_behind
from listener.deploy.runner import Runner, final_memory
from listener.drivers.engine import Engine
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.model.journal import Journal, Phase
from listener.model.target import Memory, Target
from listener.store import LeaseLost
from listener.telemetry import Metrics
from listener.worker.ending import Ending
from listener.worker.gates import Expired, obstacle
from listener.worker.lanes import Lanes, ended_early
from listener.worker.mending import Mends
from listener.worker.overview import Overview, running_digest
from listener.worker.rolling import End, Later, Rolling
from listener.worker.targets import Targets
from listener.worker.waiting import until

log = structlog.get_logger(__name__)

_LONGEST_WAIT = 2.0
# A registry may keep one of those that wait for a while: the next begins with what is there then.
_STALE = 1.0
_AFTER_A_FAULT = 10.0
# Whatever brings work also wakes.
_WITHOUT_WORK = 10.0


class Slots:
    """Takes what waits, runs it and records its end."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a deployment needs
        self,
        settings: Settings,
        engine: Engine,
        runner: Runner,
        rolling: Rolling,
        lanes: Lanes,
        overview: Overview,
        discovery: Targets,
        mending: Mends,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._runner = runner
        self._rolling = rolling
        self._lanes = lanes
        self._overview = overview
        self._discovery = discovery
        self._mending = mending
        self._metrics = metrics
        self._ending = Ending(engine, runner, rolling, lanes, overview, discovery, metrics)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._replacing: str | None = None

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration; what runs already is not ended."""
        self._settings = settings
        self.wake()

    def wake(self) -> None:
        """Something may be ready to run."""
        self._wake.set()

    def stop(self) -> None:
        """Begins nothing more."""
        self._stopping = True

    async def recover(self) -> None:
        """Goes on with what was interrupted: by the journals, else by what the engine shows."""
        await self._lanes.load()
        await self._overview.read_pauses()
        journals = await self._runner.journals()
        for journal in journals:
            if journal.target.name in self._tasks:
                continue  # begun before the engine went away and this had to be repeated
            log.warning(
                "going on with an interrupted deployment",
                deployment=journal.deployment.id,
                target=journal.target.name,
                step=str(journal.phase),
            )
            self._begin(journal)
        if not any(journal.target.own for journal in journals):
            orphan = await left_behind(self._engine)
            mine = orphan is not None and orphan.target.host == self._settings.host
            if orphan is not None and mine and orphan.target.name not in self._tasks:
                journals.append(orphan)
                await self._adopt(orphan)
        journalled = {name for journal in journals for name in journal.containers | journal.touched}
        busy = {name for name in self._lanes.names() if self._lanes.running(name)}
        for journal in await self._mending.mend(journalled, busy):
            await self._adopt(journal)

    async def _adopt(self, journal: Journal) -> None:
        """Goes on with a deployment that Redis does not know."""
        name = journal.target.name
        if not (await self._overview.memory(name)).good:
            # Else this deployment's end would let go of all that is held to go back to.
            await self.recall(journal.target)
        await self._lanes.adopt(journal.deployment)
        self._begin(journal)

    async def recall(self, target: Target) -> None:
        """Takes what is seen of the target for what it can go back to."""
        memory = await self._mending.recall(target)
        if memory != Memory():
            await self._overview.remember(target.name, memory)

    async def fill(self) -> None:
        """Starts everything that may start; returns when it is worth looking again."""
        self._wake.clear()
        pause, seen, listed = _WITHOUT_WORK, dict[str, Target](), 0.0
        if self._lanes.all_waiting():
            pause = _LONGEST_WAIT
            # Somebody who paused a target and then pushes relies on it.
            await self._overview.read_pauses()
            seen, listed = await self._seen(), time.monotonic()
        for waiting in self._lanes.all_waiting():
            if self._stopping or self._replacing or len(self._tasks) >= self._settings.concurrency:
                break
            if self._lanes.running(waiting.target) is not None:
                continue
            # Who came after that look may wait for a target that came after it, too.
            if waiting.target not in seen or time.monotonic() - listed > _STALE:
                seen, listed = await self._seen(), time.monotonic()
            target = seen.get(waiting.target)
            if await self._held(waiting, target):
                continue
            pause = min(pause, await self._start(waiting, target))
        await until(self._wake, pause)

    async def _held(self, waiting: Deployment, target: Target | None) -> bool:
        """Whether something keeps it from beginning; then its record says what."""
        pause = self._overview.pauses.get(waiting.target)
        found = obstacle(waiting, target, pause, utc_now())
        if isinstance(found, Expired):
            await self._end_waiting(ended_early(waiting, State.SKIPPED, found.reason))
        elif found is not None:
            await self._lanes.hold(waiting, found.reason)
        return found is not None

    async def _end_waiting(self, ended: Deployment) -> None:
        if await self._lanes.end_waiting(ended):
            self._metrics.deployment_ended(ended)

    async def _start(self, waiting: Deployment, target: Target | None) -> float:
        """Starts a deployment, or answers in how many seconds to look again."""
        if target is None:
            reason = f"there is no target {waiting.target} on {self._settings.host} any more"
            await self._end_waiting(ended_early(waiting, State.FAILED, reason))
            return _LONGEST_WAIT
        pause = self._lanes.ready_in(waiting, target.settings.debounce)
        if pause > 0:
            return pause
        turn = await self._rolling.ask(waiting, target)
        if isinstance(turn, Later):
            await self._lanes.hold(waiting, turn.reason)
            return turn.seconds
        if isinstance(turn, End):
            await self._end_waiting(turn.ended)
            return _LONGEST_WAIT
        # Known before it runs: without Redis it goes on waiting.
        memory = await self._overview.memory(target.name)
        taken = await self._lanes.take(waiting)
        if taken is None:
            await self._rolling.untaken(target.name)
            return _LONGEST_WAIT
        running = running_digest(target, memory)
        facts = {"state": State.QUEUED, "reason": None, "from_digest": running}
        if turn.digest is not None:
            facts |= {"to_digest": turn.digest, "tag": turn.tag}
        cleared = taken.model_copy(update=facts)
        self._begin(Journal(deployment=cleared, target=target, phase=Phase.RESOLVE))
        return _LONGEST_WAIT

    async def _seen(self) -> dict[str, Target]:
        return {target.name: target for target in await self._discovery.targets()}

    def _begin(self, journal: Journal) -> None:
        name = journal.target.name
        if journal.phase is Phase.REPLACE:
            self._replacing = name
        self._rolling.resumed(journal)
        self._overview.began(journal.target)
        self._tasks[name] = asyncio.create_task(self._run(journal), name=f"deploy {name}")

    async def _run(self, journal: Journal) -> None:
        name = journal.target.name
        try:
            while not await self._ran(journal):
                await asyncio.sleep(_AFTER_A_FAULT)
                journal = await self._runner.insist(partial(self._saved, journal))
        finally:
            # The next one for this target may have begun already: its entry stays.
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]
                if self._replacing == name:
                    self._replacing = None
            self.wake()

    async def _ran(self, journal: Journal) -> bool:
        """Runs it to its end; False after a fault of ours, by which a swap must not stay half done:
        then it is worth another try.
        """
        name = journal.target.name
        try:
            memory = await self._runner.insist(lambda: self._overview.memory(name))
            done, memory = await self._runner.run(journal, memory)
            await self._ending.record(done, final_memory(done, memory))
        except LeaseLost:
            # The tasks that read find out too, and end the tenure.
            log.warning("deployment left to the new worker", deployment=journal.deployment.id)
        except Exception:
            log.exception("a fault of this program", deployment=journal.deployment.id)
            return self._lanes.running(name) != journal.deployment.id
        return True

    async def _saved(self, journal: Journal) -> Journal:
        """It as it was saved last."""
        saved = {one.deployment.id: one for one in await self._runner.journals()}
        return saved.get(journal.deployment.id, journal)

    async def alone(self, target: str) -> None:
        """Begins nothing more until the deployment of `target` ends, and lets the others end."""
        self._replacing = target
        while others := [task for name, task in self._tasks.items() if name != target]:
            log.info("replacing this program: other deployments end first", count=len(others))
            await asyncio.wait(others)

    async def drain(self, grace: float) -> None:
        """Lets running deployments end within `grace` seconds, then parks them at their step.

        The replacement of this program waits for its end: it is parked at once.
        """
        running = [task for name, task in self._tasks.items() if name != self._replacing]
        if running:
            log.info("stopping: waiting for running deployments", count=len(running))
            self._runner.stops_at = time.monotonic() + grace
            await asyncio.wait(running, timeout=grace)
        await self.abandon()

    async def abandon(self) -> None:
        """Cancels what runs; its journal says how to go on."""
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
