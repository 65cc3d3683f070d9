"""What brings back the containers that ran before, and takes away what was made beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable
from contextlib import suppress

from listener.deploy.outcomes import Faulted, Outcome, Revived, Sick
from listener.deploy.preparing import Preparing
from listener.deploy.retention import another_good
from listener.drivers.current import CannotSwapError
from listener.drivers.dependents import Dependents
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, EngineStuck
from listener.drivers.neighbours import Neighbours
from listener.drivers.remedy import remedy
from listener.drivers.revival import Revival
from listener.drivers.stage import parts
from listener.drivers.wayback import WayBack
from listener.model.journal import Journal, NewContainer, OldContainer, Phase
from listener.model.target import Memory


class TakingBack:
    """Performs the acts of the way back. All may be repeated and raise EngineAway."""

    def __init__(self, engine: Engine, preparing: Preparing) -> None:
        self._preparing = preparing
        self._way_back = WayBack(engine)
        self._revival = Revival(engine)
        self._dependents = Dependents(engine)
        self._neighbours = Neighbours(engine)

    async def with_remedy(self, journal: Journal, memory: Memory, fault: Faulted | Sick) -> Outcome:
        """What went wrong on the way back, with the commands that help a person; what was stopped
        for the swap is started, where nobody else will.
        """
        about = journal.led_by(fault.container if isinstance(fault, Sick) else None)
        with suppress(EngineError):
            await self._neighbours.start_stopped(journal)
            wreck = await self._way_back.wreck(about, another_good(journal, memory))
            asleep = await self._dependents.asleep(about)
            return dataclasses.replace(
                fault, remedy=remedy(dataclasses.replace(wreck, asleep=asleep))
            )
        return fault

    async def revive(self, journal: Journal, memory: Memory) -> Outcome:
        """Creates the container that ran before again, whichever good image there is for it."""
        old, _ = parts(journal)
        image_id, digest = old.image_id, old.digest
        if not await self._revival.image_there(journal, image_id):
            image_id, digest = await self._preparing.fetch_good(journal, memory)
        container, notes = await self._revival.revive(journal, image_id, digest)
        made = f"created again as {container[:12]} from image {digest or image_id}"
        return Revived(container, image_id, digest, "; ".join((made, *notes)))

    async def take_back(self, journal: Journal, memory: Memory) -> str | None:
        """Does the announced act, and tells what did not go well beside it."""
        old, new = parts(journal)
        if journal.phase is Phase.REVERT:
            # Where the target's name is a stranger's by now, those of what lives off it may be too.
            await self._way_back.refuse_strangers(journal)
            await self._dependents.give_back(journal)
            await self._way_back.revert(journal)
            await self._dependents.bring_back(journal)
            return await self._neighbours_again(journal, old)
        if journal.phase is Phase.DISCARD:
            await self._way_back.discard(journal)
        elif journal.phase is Phase.STEP_ASIDE:
            await self._dependents.remove(journal, "new")
            await self._dependents.remove(journal, "bad")
            told = (
                await or_note(self._way_back.step_aside(journal)),
                await self._dependents.step_aside(journal),
                await self._neighbours.start_stopped(journal),
            )
            return "; ".join(filter(None, told)) or None
        else:
            return await or_note(self._clean(journal, memory))
        await self._let_go(journal, new, memory)
        return None

    async def _clean(self, journal: Journal, memory: Memory) -> None:
        _, new = parts(journal)
        await self._dependents.remove(journal, "new")
        await self._dependents.remove(journal, "bad")
        await self._way_back.remove_bad(journal)
        await self._let_go(journal, new, memory)

    async def _let_go(self, journal: Journal, new: NewContainer, memory: Memory) -> None:
        if not (journal.swapped or journal.behind):
            await self._preparing.let_go(journal, new, memory)

    async def _neighbours_again(self, journal: Journal, old: OldContainer) -> str | None:
        """Restarts what depends on a service that is back; what does not start is told."""
        if journal.swapped or journal.behind or not old.was_running:
            return None
        try:
            await self._neighbours.restart(journal, old.id)
        except CannotSwapError as problem:
            return str(problem)
        return None


async def or_note(tidying: Awaitable[None]) -> str | None:
    """What the engine refused of it: what is proven stays so, whatever cannot be removed."""
    try:
        await tidying
    except (EngineError, EngineStuck) as problem:
        return f"not tidied up: {problem}"
    return None
