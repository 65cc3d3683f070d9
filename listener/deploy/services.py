"""The acts on a service of a swarm: Swarm does the work, and is followed and checked."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from listener.deploy.blame import Blame
from listener.deploy.checks import Checks
from listener.deploy.convergence import Advance, Look, Patience, hangs, look
from listener.deploy.elapsed import elapsed_since
from listener.deploy.health import has_healthcheck, terms
from listener.deploy.outcomes import (
    Committed,
    Done,
    Faulted,
    Healthy,
    Nothing,
    Outcome,
    Planned,
    Replaced,
    Sick,
)
from listener.deploy.preparing import GiveUp, Preparing
from listener.deploy.progress import ActProgress
from listener.deploy.retention import good_new
from listener.deploy.route import WAY_BACK
from listener.deploy.service_plan import before, manner, remedy, told
from listener.deploy.wanted import Wanted
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.service import Service, image_name
from listener.drivers.stage import ReplacedError, parts
from listener.drivers.swarm import Swarm, someone_else
from listener.model.auth import Auth, CredentialsFault
from listener.model.base import utc_now
from listener.model.deployment import Proof
from listener.model.journal import Journal, NewContainer, OldContainer, Phase
from listener.model.reference import parse_reference
from listener.model.target import Memory, Target
from listener.registry import Credentials

_LOOK_EVERY = 0.5


class ServiceActs:
    """Performs one announced act at a time. All may be repeated; all raise EngineAway."""

    def __init__(
        self, engine: Engine, credentials: Credentials, wanted: Wanted, give_up: GiveUp
    ) -> None:
        self._engine = engine
        self._credentials = credentials
        self._give_up = give_up
        self._preparing = Preparing(engine, credentials, wanted, Checks(engine), give_up)
        self.claims = self._preparing.claims
        self._swarm = Swarm(engine)
        self._blame = Blame(engine)

    async def perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        """Does what the journal announces and tells what came of it, an update while it goes on."""
        try:
            outcome = await self._perform(journal, memory, progress)
        except (CannotSwapError, CredentialsFault, EngineError) as problem:
            outcome = Faulted(str(problem))
        except ReplacedError as problem:
            outcome = Replaced(str(problem))
        if journal.phase in WAY_BACK and isinstance(outcome, Faulted | Sick):
            return dataclasses.replace(outcome, remedy=remedy(journal))
        return outcome

    async def _perform(self, journal: Journal, memory: Memory, progress: ActProgress) -> Outcome:
        match journal.phase:
            case Phase.RESOLVE:
                return await self._preparing.resolve(journal, memory)
            case Phase.PLAN:
                return await self._plan(journal, memory)
            case Phase.UPDATE:
                return await self._update(journal)
            case Phase.FOLLOW:
                return await self._follow(journal, progress)
            case Phase.WATCH:
                return await self._watch(journal, progress)
            case Phase.COMMIT:
                good = None if journal.verdict else good_new(journal, {}, utc_now())
                return Committed(good)
            case Phase.REVERT:
                old, _ = parts(journal)
                service = Service(old.inspect)
                auth = None
                # Without it Swarm keeps the login that the service has.
                with suppress(CredentialsFault):
                    auth = await self._auth(service.image)
                await self._swarm.take_back(journal, auth)
            case Phase.REVERT_WATCH:
                return await self._follow_back(journal, progress)
            case _:
                pass  # Swarm keeps and removes its tasks by itself
        return Done()

    # -- before -----------------------------------------------------------------------------

    async def _plan(self, journal: Journal, memory: Memory) -> Outcome:
        deployment, target = journal.deployment, journal.target
        service = await self._service(target)
        now = look(service, await self._swarm.tasks(service), service.image)
        old = before(service, now, memory)
        digest = deployment.to_digest or ""
        image = image_name(service.image, deployment.tag or target.tag, digest)
        if image == service.image:
            reason = f"the service {service.name} is defined with {image} already"
            if now.stage == "paused" or not now.settled:
                go_on = f"`docker service update --force {service.name}` has Swarm try it again"
                reason += f", though {now.sentence()}: {go_on}"
            return Nothing(reason, digest)
        order = service.update.order
        return Planned(
            old,
            NewContainer(digest=digest, image_id=digest, reference=image),
            "start-first" if order == "start-first" else "recreate",
            manner(service),
            plan=told(service, image, target),
        )

    async def _service(self, target: Target) -> Service:
        try:
            return Service(await self._engine.inspect_service(target.container))
        except NotFound:
            raise CannotSwapError(f"there is no service {target.container}") from None

    async def _update(self, journal: Journal) -> Outcome:
        given_up = self._give_up(journal.deployment)
        old, new = parts(journal)
        service = await self._swarm.service(old.id)
        if given_up is not None and service.image == Service(old.inspect).image:
            return given_up
        warnings: tuple[str, ...] = ()
        # After a kill it may be done, and whether a login can be had matters no more.
        if service.image != new.reference:
            warnings = await self._swarm.update(journal, await self._auth(new.reference))
        return Done("; ".join((f"the service's image is {new.reference}", *warnings)))

    async def _auth(self, image: str) -> Auth | None:
        return await self._credentials.for_host(parse_reference(image).registry)

    # -- while Swarm works ------------------------------------------------------------------

    async def _follow(self, journal: Journal, progress: ActProgress) -> Outcome:
        """Follows the update to Swarm's own end of it, or gives it up where nothing moves."""
        old, new = parts(journal)
        planned = Service(old.inspect)
        patience = await self._patience(journal, new.reference)
        advance, elapsed = Advance(), _elapsed(journal)
        while True:
            service, now = await self._look(old.id, new.reference)
            if service.image == planned.image and service.status.startswith("rollback_"):
                reason = "Swarm itself takes it back, as its failure action says"
                return await self._blame.sick(service, now, reason, returning=True)
            if service.image != new.reference:
                raise someone_else(service)
            if now.stage == "paused":
                return await self._blame.sick(service, now, service.message)
            if now.stage == "completed" or (now.stage == "none" and now.settled):
                return Healthy(f"Swarm says: {service.message or 'nothing to update'}")
            since = elapsed()
            advance = advance.seen(now, since)
            progress.proof(_proof(journal, advance.at + patience.running, now.sentence()))
            late = hangs(now, advance, since, patience)
            if late is not None:
                return await self._blame.late(service, now, late)
            await asyncio.sleep(_LOOK_EVERY)

    async def _watch(self, journal: Journal, progress: ActProgress) -> Outcome:
        """All tasks have to run the new image, and to stay, whatever Swarm is content with."""
        old, new = parts(journal)
        patience = await self._patience(journal, new.reference)
        settle = await self._settle(journal, new.reference)
        known: frozenset[str] = frozenset()
        good_since: float | None = None
        elapsed = _elapsed(journal)
        while True:
            service, now = await self._look(old.id, new.reference)
            if service.image != new.reference:
                raise someone_else(service)
            fallen = next((task for task in now.ended if task.id in known), None)
            if fallen is not None:
                return await self._blame.sick(
                    service, dataclasses.replace(now, ended=(fallen,)), ""
                )
            known |= now.runners
            since = elapsed()
            if now.settled:
                good_since = since if good_since is None else good_since
                if since - good_since >= settle:
                    return Healthy(f"{now.sentence()}, for {since - good_since:.1f} s")
            else:
                good_since = None
                if since >= patience.running:
                    return await self._blame.late(service, now, patience.running)
            progress.proof(_proof(journal, patience.running, now.sentence()))
            await asyncio.sleep(_LOOK_EVERY)

    async def _follow_back(self, journal: Journal, progress: ActProgress) -> Outcome:
        """The rollback is one only when the image before runs again on all tasks."""
        old, new = parts(journal)
        image = Service(old.inspect).image
        patience = await self._patience(journal, image)
        advance, elapsed = Advance(), _elapsed(journal)
        while True:
            service, now = await self._look(old.id, image)
            if service.image == new.reference:
                raise ReplacedError(f"someone else updated {old.name} to {new.reference} again")
            if service.image != image:
                raise someone_else(service)
            if old.digest is None and _same_tag(image, new.reference):
                reason = f"it was defined as {image}, without a digest, which now is the new image"
                return Sick("unhealthy", reason)
            if now.stage == "paused":
                return await self._blame.sick(
                    service, now, f"the rollback stands still: {now.message}"
                )
            ended = now.stage in ("completed", "none")
            if ended and (now.settled or not old.was_healthy):
                return Healthy(f"{now.running} of {now.wanted} tasks run {old.digest or image}")
            said = f"{now.running} of {now.wanted} tasks run the image before"
            since = elapsed()
            advance = advance.seen(now, since)
            progress.proof(_proof(journal, advance.at + patience.running, said))
            late = hangs(now, advance, since, patience)
            if late is not None:
                return await self._blame.late(service, now, late)
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self, service_id: str, image: str) -> tuple[Service, Look]:
        service = await self._swarm.service(service_id)
        return service, look(service, await self._swarm.tasks(service), image)

    async def _patience(self, journal: Journal, image: str) -> Patience:
        old, _ = parts(journal)
        settings = journal.target.settings
        deadline = terms(settings.health, await self._healthcheck(old, image)).deadline
        between = Service(old.inspect).update.between
        return Patience(settings.pull_timeout + between, deadline + between)

    async def _settle(self, journal: Journal, image: str) -> float:
        old, _ = parts(journal)
        check = await self._healthcheck(old, image)
        return terms(journal.target.settings.health, check).settle

    async def _healthcheck(self, old: OldContainer, image: str) -> dict[str, Any] | None:
        """The service's own health check, else the image's where this node has the image."""
        own: dict[str, Any] = Service(old.inspect).container.get("Healthcheck") or {}
        if has_healthcheck(own):
            return own
        with suppress(EngineError):
            name, _, digest = image.partition("@")
            repository = parse_reference(name).name
            found = await self._engine.inspect_image(f"{repository}@{digest}")
            return dict((found.get("Config") or {}).get("Healthcheck") or {})
        return None


def _same_tag(image: str, other: str) -> bool:
    return parse_reference(image).tag == parse_reference(other).tag


def _elapsed(journal: Journal) -> Callable[[], float]:
    """Tells the seconds since the announced act began, also where that was before a kill."""
    return elapsed_since(journal.deployment.steps[-1].started_at)


def _proof(journal: Journal, deadline: float, said: str) -> Proof:
    """How it stands; `deadline` is in seconds since the announced act began."""
    began = journal.deployment.steps[-1].started_at
    return Proof(deadline=began + timedelta(seconds=deadline), said=said)
