"""The plan of a deployment: which containers are due, what replaces them, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta

from listener.deploy.claims import Claims
from listener.deploy.outcomes import Done, Nothing, Outcome, Planned
from listener.deploy.rehearsal import rehearsed
from listener.deploy.replicas import Replicas
from listener.drivers.current import (
    CannotSwapError,
    name_new,
    read_current,
    refuse_without_support,
)
from listener.drivers.dependence import Dependence, Living
from listener.drivers.engine import Engine
from listener.drivers.neighbours import Neighbours
from listener.drivers.own import is_own
from listener.drivers.stage import before, parts
from listener.drivers.strategy import choose_strategy
from listener.drivers.tags import move_tag
from listener.model.base import utc_now
from listener.model.journal import Journal, NewContainer, OldContainer, Phase, Swap
from listener.model.target import Memory, Strategy, Target

_PLANS = (Phase.PLAN, Phase.NEXT)
_FRESH = timedelta(seconds=0.5)
"""A plan is not looked over again so soon after it was made."""


class Planning:
    """Plans on one engine. Raises EngineAway, and CannotSwapError where nothing can be done."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._replicas = Replicas(engine)
        self._dependence = Dependence(engine)
        self._neighbours = Neighbours(engine)
        self.claims = Claims()
        """Which deployments are under way, and on which containers."""

    async def first(self, journal: Journal, memory: Memory) -> Outcome:
        """The plan for what is due of a target; for a dry run, with what it would do."""
        deployment, target = journal.deployment, journal.target
        digest = deployment.to_digest or ""
        new = await name_new(self._engine, target, deployment.tag, digest)
        due = await self._replicas.due(target, new, force=deployment.force)
        if not due:
            return Nothing(f"already runs {digest}", digest)
        planned = await self._plan(journal, memory, new, due)
        if deployment.dry_run:
            told = await rehearsed(self._engine, journal, planned)
            return dataclasses.replace(planned, plan=told)
        return planned

    async def next(self, journal: Journal, memory: Memory) -> Outcome:
        """Plans the next containers of a service; their image is there and its name means it."""
        _, new = parts(journal)
        # Where the journal was lost, what was beside this one was removed and its tag put back.
        await move_tag(self._engine, new.reference, new.image_id)
        due = await self._replicas.following(journal)
        if not due:
            return Done("no other replica is left to replace")
        return await self._plan(journal, memory, new.model_copy(update={"id": None}), due)

    async def refuse_newcomers(self, journal: Journal) -> None:
        """Raises CannotSwapError where something was made to live off the container since it was
        planned to be replaced: after a pull of minutes, say.
        """
        planned = [step.finished_at for step in journal.deployment.steps if step.name in _PLANS]
        if not planned or planned[-1] is None or utc_now() - planned[-1] < _FRESH:
            return
        old, _ = parts(journal)
        living = await self._dependence.on(old.inspect)
        known = {one.id for one in journal.dependents}
        for one in living.dependents:
            if one.id not in known:
                raise CannotSwapError(
                    f"container {one.name}, which lives off {old.name}, was made while this"
                    " deployment was under way: deploy it again"
                )

    async def _plan(
        self, journal: Journal, memory: Memory, new: NewContainer, due: tuple[str, ...]
    ) -> Planned:
        """The plan for the first of the containers that are `due`, as many as may be replaced
        together; the others are to follow.
        """
        target = journal.target
        # This program's own container is replaced by a helper, which knows of one. One that
        # `before_stop` took out of service must not wait for others, or stay so when theirs fails.
        alone = target.own or target.settings.lifecycle.before_stop
        many = 1 if alone else target.settings.parallelism
        found, neighbours = await self._claimed(journal, memory, due, many)
        swaps: list[Swap] = []
        because = ""
        for old, living in found:
            strategy, why = await self._how(target, old, living.dependents)
            swap = Swap(old=old, new=new, strategy=strategy, dependents=living.dependents)
            if swaps and not _goes_with(swap, swaps):
                break
            swaps.append(swap)
            because = because or why
        old, dependents = found[0][0], swaps[0].dependents
        return Planned(
            old,
            new,
            swaps[0].strategy,
            because,
            dependents,
            fellows=tuple(swaps[1:]),
            pending=due[len(swaps) :],
            neighbours=neighbours,
        )

    async def _how(
        self, target: Target, old: OldContainer, dependents: Sequence[OldContainer]
    ) -> tuple[Strategy, str]:
        """How one container is replaced, and why so."""
        await refuse_without_support(self._engine, old)
        lives = next((one.name for one in dependents if is_own(one.inspect)), None)
        if lives is not None and not target.own:
            raise CannotSwapError(
                f"this program itself, container {lives}, lives off {old.name}: it cannot replace"
                " both; give it a network and volumes of its own"
            )
        if target.own:
            strategy: Strategy = "recreate"
            because = "it is this program's own container, which a helper container replaces"
        else:
            strategy, because = choose_strategy(target.settings, before(old), dependents)
        if old.inspect["HostConfig"].get("AutoRemove"):
            if dependents:
                raise CannotSwapError(
                    f"container {old.name} was started with --rm and {dependents[0].name} lives off"
                    " it: neither could be brought back; create it without --rm"
                )
            because += "; with --rm the way back is to create it again"
        return strategy, because

    async def _claimed(
        self, journal: Journal, memory: Memory, due: tuple[str, ...], many: int
    ) -> tuple[list[tuple[OldContainer, Living]], tuple[str, ...]]:
        """So many of the containers that are due, each with what lives off it, and which others
        are restarted with them, once no other deployment touches any of them.
        """
        deployment, target = journal.deployment, journal.target
        # What is swapped already may have to be taken back.
        claimed = {*due, *journal.touched}
        while True:
            if not deployment.dry_run:
                await self.claims.claim(deployment.id, claimed)
            found = []
            for name in due[:many]:
                old = await read_current(self._engine, target, memory, name)
                found.append((old, await self._dependence.on(old.inspect)))
            neighbours = await self._neighbours.of(target.settings.service_of_compose)
            # Those that are stopped by now were running when the first one was planned.
            own = {one.name for _, living in found for one in living.dependents}
            neighbours = tuple(sorted({*neighbours, *journal.neighbours} - own))
            touched = {*neighbours, *(name for _, living in found for name in living.names)}
            # This program's own replacement lets every other deployment end first.
            if touched <= claimed or deployment.dry_run or target.own:
                return found, neighbours
            claimed |= touched


def _goes_with(swap: Swap, others: Sequence[Swap]) -> bool:
    """Whether a container can be replaced together with others: in the same way, and sharing
    nothing that is created again.
    """
    taken = {name for other in others for name in _names(other)}
    first = others[0]
    return (
        swap.strategy == first.strategy
        and _ran(swap) == _ran(first)
        and taken.isdisjoint(_names(swap))
    )


def _names(swap: Swap) -> set[str]:
    return {one.name for one in (swap.old, *swap.dependents) if one}


def _ran(swap: Swap) -> bool:
    return bool(swap.old and swap.old.was_running)
