"""The acts before anything is changed: which digest, which plan, the image, the twin."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

from listener.deploy.checks import Checks
from listener.deploy.claims import Claims
from listener.deploy.outcomes import (
    Done,
    Faulted,
    Healthy,
    Nothing,
    Outcome,
    Planned,
    Pulled,
)
from listener.deploy.progress import ActProgress
from listener.deploy.rehearsal import rehearsed
from listener.deploy.replicas import Replicas
from listener.deploy.retention import good_old
from listener.deploy.wanted import Wanted
from listener.drivers.current import (
    CannotSwapError,
    name_new,
    read_current,
    refuse_without_support,
)
from listener.drivers.dependents import Living, find_living_off
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound, PullFault
from listener.drivers.holds import Holds
from listener.drivers.neighbours import Neighbours
from listener.drivers.own import is_own
from listener.drivers.pull import pull_with_retries
from listener.drivers.stage import before, parts
from listener.drivers.strategy import choose_strategy
from listener.drivers.tags import move_tag
from listener.model.base import utc_now
from listener.model.deployment import Deployment
from listener.model.journal import Journal, NewContainer, OldContainer
from listener.model.reference import parse_reference
from listener.model.target import Memory, Strategy
from listener.registry import Credentials

_LOOK_EVERY = 0.5
# A registry that is away must not keep the target down for the whole patience of a pull.
_RESCUE_WITHIN = 20.0

GiveUp = Callable[[Deployment], Outcome | None]
"""Asked before anything is changed: why a deployment shall end now, or None."""


class Preparing:
    """Performs these acts; all may be repeated and raise EngineAway."""

    def __init__(
        self,
        engine: Engine,
        credentials: Credentials,
        wanted: Wanted,
        checks: Checks,
        give_up: GiveUp,
    ) -> None:
        self._engine = engine
        self._credentials = credentials
        self._wanted = wanted
        self._checks = checks
        self.claims = Claims()
        """Which deployments are under way, and on which containers."""
        self._give_up = give_up
        self._holds = Holds(engine)
        self._replicas = Replicas(engine)
        self._neighbours = Neighbours(engine)

    async def resolve(self, journal: Journal, memory: Memory) -> Outcome:
        """Finds the digest that shall run."""
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

    async def plan(self, journal: Journal, memory: Memory) -> Outcome:
        """Reads what runs and names what shall replace it, and how."""
        work = self._plan(journal, memory)
        return await self._unless(lambda: self._cancelled(journal.deployment), work)

    async def _plan(self, journal: Journal, memory: Memory) -> Outcome:
        deployment, target = journal.deployment, journal.target
        digest = deployment.to_digest or ""
        new = await name_new(self._engine, target, deployment.tag, digest)
        due = await self._replicas.due(target, new, force=deployment.force)
        if not due:
            return Nothing(f"already runs {digest}", digest)
        planned = await self._plan_one(journal, memory, new, due)
        if deployment.dry_run:
            told = await rehearsed(self._engine, journal, planned)
            return dataclasses.replace(planned, plan=told)
        return planned

    async def plan_next(self, journal: Journal, memory: Memory) -> Outcome:
        """Plans the next container of a service; its image is there and its name means it."""
        _, new = parts(journal)
        # Where the journal was lost, what was beside this one was removed and its tag put back.
        await move_tag(self._engine, new.reference, new.image_id)
        due = await self._replicas.following(journal)
        if not due:
            return Done("no other replica is left to replace")
        return await self._plan_one(journal, memory, new.model_copy(update={"id": None}), due)

    async def _plan_one(
        self, journal: Journal, memory: Memory, new: NewContainer, due: tuple[str, ...]
    ) -> Planned:
        """The plan for the first of the containers that are `due`; the others are to follow."""
        old, living, neighbours = await self._claimed(journal, memory, due)
        await refuse_without_support(self._engine, old)
        dependents = living.dependents
        lives = next((one.name for one in dependents if is_own(one.id)), None)
        if lives is not None:
            raise CannotSwapError(
                f"this program itself, container {lives}, lives off {old.name}: it cannot replace"
                " both; give it a network and volumes of its own"
            )
        if journal.target.own:
            strategy: Strategy = "recreate"
            because = "it is this program's own container, which a helper container replaces"
        else:
            strategy, because = choose_strategy(journal.target.settings, before(old), dependents)
        if old.inspect["HostConfig"].get("AutoRemove"):
            if dependents:
                raise CannotSwapError(
                    f"container {old.name} was started with --rm and {dependents[0].name} lives off"
                    " it: neither could be brought back; create it without --rm"
                )
            because += "; with --rm the way back is to create it again"
        return Planned(
            old, new, strategy, because, dependents, pending=due[1:], neighbours=neighbours
        )

    async def _claimed(
        self, journal: Journal, memory: Memory, due: tuple[str, ...]
    ) -> tuple[OldContainer, Living, tuple[str, ...]]:
        """The container that is due, what lives off it, and which others are restarted with it,
        once no other deployment touches any of them.
        """
        deployment, target = journal.deployment, journal.target
        # What is swapped already may have to be taken back.
        claimed = {*due, *journal.touched}
        while True:
            if not deployment.dry_run:
                await self.claims.claim(deployment.id, claimed)
            old = await read_current(self._engine, target, memory, due[0])
            living = await find_living_off(self._engine, old.inspect)
            neighbours = await self._neighbours.of(target.settings.service_of_compose)
            # Those that are stopped by now were running when the first one was planned.
            own = {one.name for one in living.dependents}
            neighbours = tuple(sorted({*neighbours, *journal.neighbours} - own))
            touched = {*living.names, *neighbours}
            # This program's own replacement lets every other deployment end first.
            if touched <= claimed or deployment.dry_run or target.own:
                return old, living, neighbours
            claimed |= touched

    async def pull(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        """Gets the image by its digest, unless it is held, and holds the one that runs."""
        work = self._pull(journal, memory, progress)
        return await self._unless(lambda: self._cancelled(journal.deployment), work)

    async def _pull(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        old, new = parts(journal)
        target, deployment = journal.target, journal.deployment
        image = await self._held_image(new.digest, memory)
        if image is None:
            try:
                pulled = await pull_with_retries(
                    self._engine,
                    parse_reference(target.spelling).name,
                    new.digest,
                    self._credentials,
                    pull_timeout=target.settings.pull_timeout,
                    pushed_at=deployment.received_at,
                    on_progress=progress.layer,
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
            await self.let_go(journal, new.model_copy(update={"image_id": image}), memory)
        return given_up or Pulled(image, f"image {image[:19]}")

    async def fetch_good(self, journal: Journal, memory: Memory) -> tuple[str, str]:
        """What ran before, or else the last good version, pulled: the image's id and digest.

        Raises CannotSwapError where no registry has any of them.
        """
        old, new = parts(journal)
        bad = {new.digest, *(entry.digest for entry in memory.bad)}
        known = [old.digest, *(good.digest for good in memory.good)]
        problems = []
        for digest in dict.fromkeys(known):
            if digest is None or digest in bad:
                continue
            if digest == old.image_id and not self._engine.containerd_store:
                continue  # it has no digest, so it was never in a registry
            held = await self._held_image(digest, memory)
            if held is not None:
                return held, digest
            try:
                pulled = await pull_with_retries(
                    self._engine,
                    parse_reference(journal.target.spelling).name,
                    digest,
                    self._credentials,
                    pull_timeout=min(journal.target.settings.pull_timeout, _RESCUE_WITHIN),
                )
            except PullFault as fault:
                problems.append(fault.message)
            else:
                return str(pulled["Id"]), digest
        because = "; ".join(problems) or "no registry has it"
        raise CannotSwapError(f"the image {old.image_id} is gone from the engine: {because}")

    async def preflight(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        """Proves the new image in a twin; a newer deployment may end it after that."""
        outcome = await self._checks.preflight(journal, progress)
        given_up = self._give_up(journal.deployment)
        if given_up is None or not isinstance(outcome, Healthy):
            return outcome
        await self.let_go(journal, parts(journal)[1], memory)
        return given_up

    async def let_go(self, journal: Journal, new: NewContainer, memory: Memory) -> None:
        """Removes an image that was pulled for nothing, unless it is one to go back to."""
        old, _ = parts(journal)
        known = {good.image_id for good in memory.good}
        if new.image_id in {*known, old.image_id, new.tag_before}:
            return
        name, repository = journal.target.name, parse_reference(journal.target.spelling).name
        await self._holds.let_go(name, new.digest, new.image_id, repository, journal.deployment.tag)

    async def _held_image(self, digest: str, memory: Memory) -> str | None:
        """The id of a held image, which needs no registry; None where it must be pulled."""
        for good in memory.good:
            if good.digest == digest and good.image_id:
                try:
                    return str((await self._engine.inspect_image(good.image_id))["Id"])
                except NotFound:
                    return None
        return None
