"""The acts before anything is changed: which digest, which plan, the image, the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from listener.deploy.checks import Checks
from listener.deploy.outcomes import Faulted, Healthy, Nothing, Outcome, Pulled
from listener.deploy.planning import Planning
from listener.deploy.progress import ActProgress
from listener.deploy.retention import good_old
from listener.deploy.wanted import Wanted
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound, PullFault
from listener.drivers.holds import Holds
from listener.drivers.pull import pull_with_retries
from listener.drivers.stage import parts
from listener.model.base import utc_now
from listener.model.deployment import Deployment, source_of
from listener.model.journal import Journal, NewContainer
from listener.model.reference import parse_reference
from listener.model.target import Memory
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
        self._planning = Planning(engine)
        self.claims = self._planning.claims
        self.plan_next = self._planning.next
        self.refuse_newcomers = self._planning.refuse_newcomers
        self._give_up = give_up
        self._holds = Holds(engine)

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
        work = self._planning.first(journal, memory)
        return await self._unless(lambda: self._cancelled(journal.deployment), work)

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
                pulled = await self._pulled(
                    journal,
                    new.digest,
                    pull_timeout=target.settings.pull_timeout,
                    pushed_at=deployment.received_at,
                    on_progress=progress.layer,
                )
            except PullFault as fault:
                return Faulted(fault.message)
            image = str(pulled["Id"])
        await self._holds.tag(target.pin, new.digest, image)
        if old.was_healthy:
            known = good_old(old, target.tag, utc_now(), memory)
            await self._holds.hold(target.pin, known)
        given_up = self._give_up(deployment)
        if given_up is not None:
            await self.let_go(journal, new.model_copy(update={"image_id": image}), memory)
        if given_up is not None:
            return given_up
        config = (await self._engine.inspect_image(image)).get("Config") or {}
        return Pulled(image, f"image {image[:19]}", source_of(config.get("Labels") or {}))

    async def _pulled(self, journal: Journal, digest: str, **how: Any) -> dict[str, Any]:
        """The image of a digest, for the platform that runs; for the engine's own where there is
        none for that: what was emulated is made for this engine by now.
        """
        old, _ = parts(journal)
        platform = await self._engine.foreign_platform(old.image_id)
        name = parse_reference(journal.target.spelling).name
        wanted = self._engine, name, digest, self._credentials
        try:
            return await pull_with_retries(*wanted, platform=platform, **how)
        except PullFault as fault:
            if platform is None or fault.kind != "no_platform":
                raise
            return await pull_with_retries(*wanted, **how)

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
                pulled = await self._pulled(
                    journal,
                    digest,
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
        pin, repository = journal.target.pin, parse_reference(journal.target.spelling).name
        await self._holds.let_go(pin, new.digest, new.image_id, repository, journal.deployment.tag)

    async def _held_image(self, digest: str, memory: Memory) -> str | None:
        """The id of a held image, which needs no registry; None where it must be pulled."""
        for good in memory.good:
            if good.digest == digest and good.image_id:
                try:
                    return str((await self._engine.inspect_image(good.image_id))["Id"])
                except NotFound:
                    return None
        return None
