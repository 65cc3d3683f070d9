"""Changes a service so that each change may be repeated: whoever repeats it looks first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineAway, EngineError, NotFound
from listener.drivers.service import Service, Task, platforms_of, with_image
from listener.drivers.stage import ReplacedError, parts
from listener.model.auth import Auth
from listener.model.journal import Journal

_TRIES = 20


class Swarm:
    """The services behind one manager. Raises EngineAway and EngineError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def service(self, name: str) -> Service:
        """A service as it is now; raises ReplacedError where there is none."""
        try:
            return Service(await self._engine.inspect_service(name))
        except NotFound:
            raise ReplacedError(f"someone else removed the service {name}") from None

    async def tasks(self, service: Service) -> list[Task]:
        """All of its tasks that the swarm remembers."""
        return [Task(task) for task in await self._engine.tasks(service.id)]

    async def update(self, journal: Journal, auth: Auth | None) -> tuple[str, ...]:
        """Gives the service its new image, unless it has it; answers Swarm's warnings.

        Raises CannotSwapError where someone else gave it another one meanwhile.
        """
        old, new = parts(journal)
        planned = Service(old.inspect)
        platforms = await self._platforms(new.reference, auth)
        for _ in range(_TRIES):
            service = await self.service(old.id)
            if service.image == new.reference or taken_back_since(service, planned):
                return ()
            if service.image != planned.image:
                raise CannotSwapError(
                    f"someone else updated the service {old.name} to {service.image} meanwhile: "
                    "left as it is"
                )
            spec = with_image(service.spec, new.reference, platforms)
            with suppress(Conflict):
                return await self._engine.update_service(service.inspect, spec, auth)
        raise CannotSwapError(f"the service {old.name} is changed by others again and again")

    async def take_back(self, journal: Journal, auth: Auth | None) -> None:
        """Sends the service back to what it was, unless Swarm is at it or has done it."""
        old, new = parts(journal)
        planned = Service(old.inspect)
        for _ in range(_TRIES):
            service = await self.service(old.id)
            if service.image == planned.image:
                return
            if service.image != new.reference:
                raise someone_else(service)
            # Where someone scaled the service meanwhile, its previous spec is no longer the one.
            back = service.previous_image == planned.image
            spec: Mapping[str, Any] = service.inspect.get("PreviousSpec") or {}
            if not back:
                placement = planned.spec["TaskTemplate"].get("Placement") or {}
                spec = with_image(service.spec, planned.image, placement.get("Platforms") or [])
            with suppress(Conflict):
                await self._engine.update_service(service.inspect, spec, auth, back=back)
                return
        raise CannotSwapError(f"the service {old.name} is changed by others again and again")

    async def _platforms(self, image: str, auth: Auth | None) -> list[dict[str, str]] | None:
        """As `docker service update` does it: else tasks keep to the old image's platforms."""
        try:
            return platforms_of(await self._engine.distribution(image, auth))
        except (EngineAway, EngineError):
            return None  # a registry that this manager does not reach may be in reach of the nodes


def taken_back_since(service: Service, planned: Service) -> bool:
    """Whether the service was updated since it was planned, and Swarm itself went back."""
    return (
        service.image == planned.image
        and service.status.startswith("rollback_")
        and service.update_began != planned.update_began
    )


def someone_else(service: Service) -> ReplacedError:
    """What ends a deployment whose service was given a third image."""
    return ReplacedError(
        f"someone else updated the service {service.name} to {service.image}: left as it is"
    )
