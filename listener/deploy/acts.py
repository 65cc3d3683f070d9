"""The acts that the machine announces, each done on the real parts and told as an outcome."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from listener.deploy.checks import Checks, drain
from listener.deploy.outcomes import (
    Committed,
    Created,
    Done,
    Faulted,
    Gone,
    Healthy,
    Outcome,
    Replaced,
    Sick,
    Started,
)
from listener.deploy.preparing import GiveUp, Preparing
from listener.deploy.progress import ActProgress
from listener.deploy.replace import Quiet, Replacing
from listener.deploy.retention import good_new, with_good
from listener.deploy.route import WAY_BACK
from listener.deploy.taking_back import TakingBack, or_note
from listener.deploy.wanted import Wanted
from listener.deploy.watching import Watching
from listener.drivers.compose_file import advice
from listener.drivers.creation import Creation
from listener.drivers.current import CannotSwapError
from listener.drivers.cutover import Cutover
from listener.drivers.dependents import Dependents
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, EngineStuck
from listener.drivers.handover import Handover
from listener.drivers.holds import Holds
from listener.drivers.neighbours import Neighbours
from listener.drivers.stage import GoneError, ReplacedError, StartError, parts
from listener.drivers.strategy import ImpossibleStrategy
from listener.drivers.tags import move_tag
from listener.drivers.wayback import WayBack
from listener.model.base import utc_now
from listener.model.journal import Journal, Phase
from listener.model.reference import parse_reference
from listener.model.target import Memory
from listener.registry import Credentials

# What a proxy or a client began with the old container, it may end with it.
_DRAIN = 10.0
_AFTER_REPLACE = frozenset({*WAY_BACK, Phase.COMMIT, Phase.DISCARD, Phase.STEP_ASIDE})


class Acts:
    """Performs one announced act at a time. All may be repeated; all raise EngineAway."""

    def __init__(
        self,
        engine: Engine,
        credentials: Credentials,
        wanted: Wanted,
        give_up: GiveUp,
        quiet: Quiet,
    ) -> None:
        self._engine = engine
        self._replacing = Replacing(engine, quiet)
        self._checks = Checks(engine)
        self._preparing = Preparing(engine, credentials, wanted, self._checks, give_up)
        self.claims = self._preparing.claims
        self._creation = Creation(engine)
        self._cutover = Cutover(engine)
        self._handover = Handover(engine)
        self._way_back = WayBack(engine)
        self._watching = Watching(engine, self._way_back)
        self._dependents = Dependents(engine)
        self._neighbours = Neighbours(engine)
        self._holds = Holds(engine)
        self._back = TakingBack(engine, self._preparing)

    async def perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        """Does what the journal announces and tells what came of it; meanwhile, how far it is."""
        try:
            outcome = await self._perform(journal, memory, progress)
        except StartError as problem:
            outcome = Sick("start_error", str(problem), await self._watching.last_lines(journal))
        except (CannotSwapError, ImpossibleStrategy, EngineError) as problem:
            outcome = Faulted(str(problem))
        except ReplacedError as problem:
            outcome = Replaced(str(problem))
        except GoneError as problem:
            outcome = Gone(str(problem))
        if journal.phase in WAY_BACK and isinstance(outcome, Faulted | Sick):
            return await self._back.with_remedy(journal, memory, outcome)
        return outcome

    async def _perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        if journal.target.own and journal.phase in _AFTER_REPLACE:
            await self._replacing.dismiss(journal)
        match journal.phase:
            case Phase.RESOLVE:
                return await self._preparing.resolve(journal, memory)
            case Phase.PLAN | Phase.NEXT:
                first = journal.phase is Phase.PLAN
                prepare = self._preparing.plan if first else self._preparing.plan_next
                return await prepare(journal, memory)
            case Phase.PULL:
                return await self._preparing.pull(journal, memory, progress)
            case Phase.PREFLIGHT:
                return await self._preparing.preflight(journal, memory, progress)
            case Phase.RELEASE:
                return await self._checks.release(journal)
            case Phase.REPLACE:
                return await self._replacing.replace(journal, memory)
            case Phase.COMMIT:
                return await self._commit(journal, memory)
            case Phase.PROVE | Phase.WATCH:
                settings = journal.target.settings.health
                proven = await self._watching.new(journal, settings, progress)
                return await self._with_dependents(journal, proven)
            case Phase.REVIVE:
                return await self._back.revive(journal, memory)
            case Phase.REVERT_WATCH:
                return await self._watching.old(journal, progress)
            case _:
                return await self._swap(journal, memory)

    async def _with_dependents(self, journal: Journal, proven: Outcome) -> Outcome:
        """Against it as well: what lives off a healthy new container, and does not stay up."""
        if isinstance(proven, Healthy):
            for swap in journal.batch:
                if fallen := await self._dependents.fallen(journal.of(swap)):
                    reason, lines = fallen
                    return Sick("exited", reason, lines, container=swap.called)
        return proven

    async def _swap(self, journal: Journal, memory: Memory) -> Outcome:
        """The acts that change containers."""
        old, new = parts(journal)
        hooks = journal.target.settings.lifecycle
        match journal.phase:
            case Phase.TAG:
                await move_tag(self._engine, new.reference, new.image_id)
            case Phase.CREATE:
                await self._preparing.refuse_newcomers(journal)
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
                return await self._cut_over(journal)
            case Phase.HANDOVER:
                return Started(*await self._handover.hand_over(journal))
            case Phase.RETIRE:
                return await self._retire(journal)
            case Phase.DISARM:
                await self._cutover.disarm(journal)
            case Phase.RESTART:
                ran = [one for one in journal.swaps if one.old is None or one.old.was_running]
                _, last = parts(journal.of(ran[-1]))
                await self._neighbours.restart(journal, last.id or "")
            case Phase.ADOPT:
                await self._dependents.adopt(journal)
            case _:
                return Done(await self._back.take_back(journal, memory))
        return Done()

    async def _cut_over(self, journal: Journal) -> Outcome:
        # What stands against it is found before anything is stopped for it.
        try:
            await self._cutover.check(journal)
        except CannotSwapError as problem:
            return Faulted(str(problem), blameless=True)
        await self._dependents.stop_all(journal)
        await self._neighbours.stop_all(journal)
        started = await self._cutover.cut_over(journal)
        return Done() if started is None else Started(*started)

    async def _retire(self, journal: Journal) -> Outcome:
        """Lets the old containers finish what they began, while the new ones are watched."""
        settings = journal.target.settings
        if journal.strategy == "start-first" and not settings.lifecycle.before_stop:
            outcome = await self._watching.new(journal, drain(settings.health, _DRAIN))
            if not isinstance(outcome, Healthy):
                return outcome
        for swap in journal.batch:
            # One that cannot be stopped serves nobody any more: it is removed at the end.
            with suppress(EngineStuck):
                await self._handover.retire(journal.of(swap))
        return Done()

    async def _commit(self, journal: Journal, memory: Memory) -> Outcome:
        _, new = parts(journal)
        target = journal.target
        if journal.verdict is not None or not journal.ran:
            removed = await or_note(self._remove_old(journal))
            # Without a rollback nobody else starts what was stopped for this swap.
            left = await self._neighbours.start_stopped(journal) if journal.ran else None
            return Committed(None, "; ".join(filter(None, (removed, left))) or None)
        try:
            image = await self._engine.inspect_image(new.image_id)
        except EngineError:
            image = {}
        good = good_new(journal, image.get("Config") or {}, utc_now())
        problem = await self._holds.hold(target.pin, good)
        kept = [known.digest for known in with_good(memory, good, target.settings.keep).good]
        repository = parse_reference(target.spelling).name
        notes = (
            problem,
            await or_note(self._remove_old(journal)),
            await or_note(self._holds.keep_only(target.pin, kept, repository)),
        )
        told = "; ".join(filter(None, notes)) or None
        return Committed(good, told, await self._advice(journal))

    async def _advice(self, journal: Journal) -> str | None:
        """What keeps the next `compose up` from going back to the tag in the project's file."""
        old, new = parts(journal)
        choice = journal.target.settings.compose
        if choice is None or "@" in new.reference:
            return None
        # A file on a share that hangs must not keep other deployments waiting.
        return await asyncio.to_thread(advice, choice, old.inspect, new.reference)

    async def _remove_old(self, journal: Journal) -> None:
        for swap in journal.swaps:
            one = journal.of(swap)
            await self._dependents.remove(one, "old")
            await self._way_back.remove_old(one)
