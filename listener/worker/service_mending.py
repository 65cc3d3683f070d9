"""Updates of services that Redis does not know of: what the managers show is gone on with."""

from __future__ import annotations

from collections.abc import Set

from listener.deploy.convergence import look
from listener.deploy.service_plan import before
from listener.drivers.engine import Engine
from listener.drivers.service import Service, Task
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Step, Trigger, new_deployment_id
from listener.model.journal import Journal, NewContainer, Phase
from listener.model.reference import BadReference, parse_reference
from listener.model.target import Bad, Good, Memory, Target
from listener.worker.overview import Overview
from listener.worker.targets import Targets

_LOST = "its record was lost"


class ServiceMending:
    """Looks at the services of a swarm that are targets. Raises EngineAway."""

    def __init__(self, engine: Engine, services: Targets, overview: Overview) -> None:
        self._engine = engine
        self._services = services
        self._overview = overview

    async def mend(self, containers: Set[str], busy: Set[str]) -> list[Journal]:
        """Journals of updates that are under way or stand still, of which nothing is known.

        Redis lost its data then, or this program is new here: either way they are followed to
        their end, and taken back where they come to none.
        """
        found = []
        for target in await self._services.targets():
            skipped = target.name in busy or target.container in containers
            if skipped or target.problem is not None:
                continue
            memory = await self._overview.memory(target.name)
            if memory.good or memory.bad:
                continue
            service = Service(await self._engine.inspect_service(target.container))
            if service.status in ("updating", "paused") and service.previous_image:
                found.append(_journal(target, service))
        return found

    async def recall(self, target: Target) -> Memory:
        """After an update its previous spec is one to go back to, after a rollback a bad one."""
        if target.problem is not None:
            return Memory()
        service = Service(await self._engine.inspect_service(target.container))
        tasks = [Task(task) for task in await self._engine.tasks(service.id)]
        now = look(service, tasks, service.image)
        return _recalled(service, now.settled and now.stage in ("none", "completed"))


def _recalled(service: Service, well: bool) -> Memory:
    now = utc_now()
    runs, tag = _parsed(service.image)
    previous, previous_tag = _parsed(service.previous_image)
    good, bad = [], []
    if runs and well:
        good.append(Good(digest=runs, tag=tag, image_id=runs, at=now))
    if previous and previous != runs:
        if service.status.startswith("rollback_"):
            bad.append(Bad(digest=previous, deployment="?", reason="rolled back before", at=now))
        elif service.status == "completed":
            good.append(Good(digest=previous, tag=previous_tag, image_id=previous, at=now))
    return Memory(good=tuple(good), bad=tuple(bad))


def _parsed(image: str) -> tuple[str | None, str | None]:
    try:
        reference = parse_reference(image)
    except BadReference:
        return None, None
    return reference.digest, reference.tag


def _journal(target: Target, service: Service) -> Journal:
    """A journal of the update that the swarm shows."""
    now = utc_now()
    shown = dict(service.inspect)
    planned = Service(shown | {"Spec": shown["PreviousSpec"], "UpdateStatus": None})
    digest = service.digest or ""
    old = before(planned, look(planned, (), planned.image), Memory())
    deployment = Deployment(
        id=new_deployment_id(now),
        target=target.name,
        host=target.host,
        trigger=Trigger.RECONCILE,
        image=target.image,
        tag=target.tag,
        from_digest=planned.digest,
        to_digest=digest or None,
        state=State.SWAPPING,
        queued_at=now,
        started_at=now,
        steps=(Step(name=Phase.UPDATE, started_at=now, finished_at=now, detail=_LOST),),
    )
    return Journal(
        deployment=deployment,
        target=target,
        phase=Phase.FOLLOW,
        strategy="start-first" if service.update.order == "start-first" else "recreate",
        # What ran before an update had run, as far as anybody can tell.
        old=old.model_copy(update={"was_healthy": planned.digest is not None}),
        new=NewContainer(digest=digest, image_id=digest, reference=service.image),
    )
