"""The acts that the machine announces, each done on the real parts and told as an outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from listener.deploy.checks import Checks, drain
from listener.deploy.outcomes import (
    Committed,
    Created,
    Done,
    Faulted,
    Healthy,
    Nothing,
    Outcome,
    Planned,
    Pulled,
    Replaced,
    Sick,
    Started,
)
from listener.deploy.progress import PullProgress
from listener.deploy.retention import good_new, good_old, with_good
from listener.deploy.wanted import Wanted
from listener.deploy.watch import watch
from listener.drivers.creation import Creation
from listener.drivers.current import CannotSwapError, name_new, read_current
from listener.drivers.cutover import Cutover
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound, PullFault
from listener.drivers.handover import Handover
from listener.drivers.holds import Holds
from listener.drivers.probes import Probes
from listener.drivers.pull import pull_with_retries
from listener.drivers.stage import ReplacedError, StartError, before
from listener.drivers.strategy import ImpossibleStrategy, choose_strategy
from listener.drivers.tags import move_tag
from listener.drivers.wayback import WayBack
from listener.model.base import utc_now
from listener.model.deployment import Deployment
from listener.model.journal import Journal, NewContainer, OldContainer, Phase
from listener.model.reference import parse_reference
from listener.model.target import Health, Memory
from listener.registry import Credentials

_LOOK_EVERY = 0.5
# What a proxy or a client began with the old container, it may end with it.
_DRAIN = 10.0

GiveUp = Callable[[Deployment], Outcome | None]
"""Asked before anything is changed: why a deployment shall end now, or None."""


class Acts:
    """Performs one announced act at a time. All may be repeated; all raise EngineAway."""

    def __init__(
        self,
        engine: Engine,
        credentials: Credentials,
        wanted: Wanted,
        give_up: GiveUp,
    ) -> None:
        self._engine = engine
        self._credentials = credentials
        self._wanted = wanted
        self._give_up = give_up
        self._checks = Checks(engine)
        self._creation = Creation(engine)
        self._cutover = Cutover(engine)
        self._handover = Handover(engine)
        self._way_back = WayBack(engine)
        self._holds = Holds(engine)

    async def perform(self, journal: Journal, memory: Memory, pulling: PullProgress) -> Outcome:
        """Does what the journal announces and tells what came of it, a pull while it goes on."""
        try:
            match journal.phase:
                case Phase.RESOLVE:
                    return await self._resolve(journal, memory)
                case Phase.PLAN:
                    return await self._plan(journal, memory)
                case Phase.PULL:
                    pull = self._pull(journal, memory, pulling)
                    return await self._unless(lambda: self._cancelled(journal.deployment), pull)
                case Phase.PREFLIGHT:
                    return await self._preflight(journal, memory)
                case Phase.RELEASE:
                    return await self._checks.release(journal)
                case Phase.COMMIT:
                    return await self._commit(journal, memory)
                case Phase.PROVE | Phase.WATCH:
                    return await self._watch(journal, journal.target.settings.health)
                case Phase.REVERT_WATCH:
                    return await self._watch_old(journal)
                case _:
                    return await self._swap(journal, memory)
        except StartError as problem:
            return Sick("start_error", str(problem), await self._last_lines(journal))
        except (CannotSwapError, ImpossibleStrategy, EngineError) as problem:
            return Faulted(str(problem))
        except ReplacedError as problem:
            return Replaced(str(problem))

    async def _resolve(self, journal: Journal, memory: Memory) -> Outcome:
        deployment = journal.deployment
        finding = self._wanted.find(deployment, journal.target, memory)
        return await self._unless(lambda: self._give_up(deployment), finding)

    async def _unless(
        self, given_up: Callable[[], Outcome | None], act: Coroutine[Any, Any, Outcome]
    ) -> Outcome:
        """What comes of an act that may wait for minutes, unless it is given up before it ends."""
        task = asyncio.create_task(act)
        try:
            while True:
                outcome = given_up()
                if outcome is not None:
                    return outcome
                done, _ = await asyncio.wait({task}, timeout=_LOOK_EVERY)
                if done:
                    return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _cancelled(self, deployment: Deployment) -> Outcome | None:
        # A newer deployment lets a pull end: its layers are of use, and pushes that come faster
        # than pulls end would keep every one of them from ending.
        outcome = self._give_up(deployment)
        return outcome if isinstance(outcome, Nothing) else None

    async def _plan(self, journal: Journal, memory: Memory) -> Outcome:
        deployment = journal.deployment
        old = await read_current(self._engine, journal.target, memory)
        new = await name_new(
            self._engine, journal.target, deployment.tag, deployment.to_digest or ""
        )
        strategy, because = choose_strategy(journal.target.settings, before(old))
        return Planned(old, new, strategy, because)

    async def _pull(self, journal: Journal, memory: Memory, pulling: PullProgress) -> Outcome:
        old, new = plan_of(journal)
        target, deployment = journal.target, journal.deployment
        image = await self._held_image(new, memory)
        if image is None:
            try:
                pulled = await pull_with_retries(
                    self._engine,
                    parse_reference(target.spelling).name,
                    new.digest,
                    self._credentials,
                    pull_timeout=target.settings.pull_timeout,
                    pushed_at=deployment.received_at,
                    on_progress=pulling.layer,
                )
            except PullFault as fault:
                return Faulted(fault.message)
            image = str(pulled["Id"])
        await self._holds.tag(target.name, new.digest, image)
        if old.was_healthy:
            known = good_old(old, target.tag, utc_now(), memory)
            await self._holds.hold(target.name, known)
        given_up = self._give_up(deployment)
        if given_up is not None:
            await self._let_go(journal, new.model_copy(update={"image_id": image}), memory)
        return given_up or Pulled(image, f"image {image[:19]}")

    async def _preflight(self, journal: Journal, memory: Memory) -> Outcome:
        outcome = await self._checks.preflight(journal)
        given_up = self._give_up(journal.deployment)
        if given_up is None or not isinstance(outcome, Healthy):
            return outcome
        await self._let_go(journal, plan_of(journal)[1], memory)
        return given_up

    async def _let_go(self, journal: Journal, new: NewContainer, memory: Memory) -> None:
        """Removes an image that was pulled for nothing, unless it is one to go back to."""
        old, _ = plan_of(journal)
        known = {good.image_id for good in memory.good}
        if new.image_id in {*known, old.image_id, new.tag_before}:
            return
        name, repository = journal.target.name, parse_reference(journal.target.spelling).name
        await self._holds.let_go(name, new.digest, new.image_id, repository, journal.deployment.tag)

    async def _held_image(self, new: NewContainer, memory: Memory) -> str | None:
        """The id of a held image, which needs no registry; None where it must be pulled."""
        for good in memory.good:
            if good.digest == new.digest and good.image_id:
                try:
                    return str((await self._engine.inspect_image(good.image_id))["Id"])
                except NotFound:
                    return None
        return None

    async def _swap(self, journal: Journal, memory: Memory) -> Outcome:
        """The acts that change containers."""
        old, new = plan_of(journal)
        hooks = journal.target.settings.lifecycle
        match journal.phase:
            case Phase.TAG:
                await move_tag(self._engine, new.reference, new.image_id)
            case Phase.CREATE:
                return Created(*await self._creation.create(journal))
            case Phase.BOOT:
                return Started(await self._handover.boot(journal), None)
            case Phase.AFTER_START:
                command = hooks.after_start or ()
                return await self._checks.command(new.id or "", command, "after_start")
            case Phase.BEFORE_STOP:
                command = hooks.before_stop or ()
                return await self._checks.command(old.id, command, "before_stop")
            case Phase.CUTOVER:
                started = await self._cutover.cut_over(journal)
                return Done() if started is None else Started(*started)
            case Phase.HANDOVER:
                return Started(*await self._handover.hand_over(journal))
            case Phase.RETIRE:
                return await self._retire(journal)
            case Phase.DISARM:
                await self._cutover.disarm(journal)
            case _:
                await self._take_back(journal, memory)
        return Done()

    async def _take_back(self, journal: Journal, memory: Memory) -> None:
        _, new = plan_of(journal)
        if journal.phase is Phase.REVERT:
            await self._way_back.revert(journal)
            return
        if journal.phase is Phase.DISCARD:
            await self._way_back.discard(journal)
        else:
            await self._way_back.remove_bad(journal)
        await self._let_go(journal, new, memory)

    async def _retire(self, journal: Journal) -> Outcome:
        """Lets the old container finish what it began, while the new one is watched."""
        settings = journal.target.settings
        if journal.strategy == "start-first" and not settings.lifecycle.before_stop:
            outcome = await self._watch(journal, drain(settings.health, _DRAIN))
            if isinstance(outcome, Sick):
                return outcome
        await self._handover.retire(journal)
        return Done()

    async def _watch(self, journal: Journal, settings: Health) -> Outcome:
        if journal.baseline is None:
            raise ValueError("a watch needs its baseline")
        verdict = await watch(
            lambda: self._way_back.inspect_new(journal),
            Probes(self._engine, settings),
            settings,
            journal.baseline,
        )
        if verdict.kind == "healthy":
            return Healthy(verdict.reason)
        return Sick(verdict.kind, verdict.reason, await self._last_lines(journal))

    async def _watch_old(self, journal: Journal) -> Outcome:
        old, _ = plan_of(journal)
        settings = journal.target.settings.health
        baseline = await self._way_back.baseline_of_old(journal)
        if not old.was_healthy:
            return Healthy("it runs again; it was not healthy before either")
        verdict = await watch(
            lambda: self._way_back.inspect_old(journal),
            Probes(self._engine, settings),
            settings,
            baseline,
        )
        if verdict.kind == "healthy":
            return Healthy(verdict.reason)
        return Sick(verdict.kind, verdict.reason, await self._last_lines(journal))

    async def _last_lines(self, journal: Journal) -> tuple[str, ...]:
        _, new = plan_of(journal)
        return await self._way_back.logs(new.id) if new.id else ()

    async def _commit(self, journal: Journal, memory: Memory) -> Outcome:
        old, new = plan_of(journal)
        target = journal.target
        if journal.verdict is not None or not old.was_running:
            await self._way_back.remove_old(journal)
            return Committed(None)
        try:
            image = await self._engine.inspect_image(new.image_id)
        except NotFound:
            image = {}
        good = good_new(journal, image.get("Config") or {}, utc_now())
        problem = await self._holds.hold(target.name, good)
        await self._way_back.remove_old(journal)
        kept = [known.digest for known in with_good(memory, good, target.settings.keep).good]
        await self._holds.keep_only(target.name, kept, parse_reference(target.spelling).name)
        return Committed(good, problem)


def plan_of(journal: Journal) -> tuple[OldContainer, NewContainer]:
    """Both containers of a planned swap."""
    if journal.old is None or journal.new is None:
        raise ValueError(f"deployment {journal.deployment.id} has no plan yet")
    return journal.old, journal.new
