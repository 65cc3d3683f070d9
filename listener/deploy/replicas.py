"""The containers of a Compose service: which of them a deployment replaces, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from listener.drivers.compose import being_replaced, services_in
from listener.drivers.current import CannotSwapError, exactly
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.images import digests_of
from listener.drivers.names import own_name
from listener.model.journal import Journal, NewContainer
from listener.model.target import ComposeService, Target

_LOOK_EVERY = 0.5
# `compose up` waits for what a service depends on to become healthy before it goes on.
_COMPOSE_WITHIN = 60.0


class Replicas:
    """Asks one engine. Raises EngineAway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def due(self, target: Target, new: NewContainer, *, force: bool) -> tuple[str, ...]:
        """The names of a service's containers to replace, in their order, stopped ones last.

        Those that run the new image under its name already are left out, unless all do and `force`
        asks for it. Raises CannotSwapError where Compose itself does not come to an end.
        """
        service = target.settings.service_of_compose
        if service is None:
            return (target.container,)
        listed = await self._settled(service)
        outdated = await self._outdated(listed, new)
        chosen = outdated or (listed if force else [])
        return tuple(own_name(one) for one in sorted(chosen, key=lambda one: not _runs(one)))

    async def left(self, target: Target, new: NewContainer) -> tuple[str, ...]:
        """The names of a service's containers that do not run the new image, as they are now."""
        service = target.settings.service_of_compose
        if service is None:
            return ()
        listed = services_in(await self._engine.list_containers(all=True))
        outdated = await self._outdated(listed.get(service, []), new)
        return tuple(own_name(one) for one in outdated)

    async def following(self, journal: Journal) -> tuple[str, ...]:
        """Those of the pending ones that are there and not replaced by someone else meanwhile."""
        new, left = journal.new, []
        for name in journal.pending:
            inspect = await self.inspect(name)
            if inspect is None or new is None:
                continue
            if journal.deployment.force or not await self._is_new(inspect, new):
                left.append(name)
        return tuple(left)

    async def inspect(self, container: str) -> dict[str, Any] | None:
        """A container as it is; None where it was removed."""
        return await exactly(self._engine, container)

    async def _settled(self, service: ComposeService) -> list[Mapping[str, Any]]:
        """The service's containers once Compose is not replacing any of them."""
        busy: list[str] = []
        for _ in range(int(_COMPOSE_WITHIN / _LOOK_EVERY)):
            listed = await self._engine.list_containers(all=True)
            busy = being_replaced(listed, service)
            if not busy:
                return services_in(listed).get(service, [])
            await asyncio.sleep(_LOOK_EVERY)
        raise CannotSwapError(
            f"Compose is replacing a container of service {service.service} for more than "
            f"{_COMPOSE_WITHIN:g} s: if it was interrupted, remove {busy[0]} or run it again"
        )

    async def _outdated(
        self, listed: Sequence[Mapping[str, Any]], new: NewContainer
    ) -> list[Mapping[str, Any]]:
        return [
            one
            for one in listed
            if (inspect := await self.inspect(one["Id"])) is not None
            and not await self._is_new(inspect, new)
        ]

    async def _is_new(self, inspect: Mapping[str, Any], new: NewContainer) -> bool:
        if inspect["Config"]["Image"] != new.reference:
            return False
        try:
            image = await self._engine.inspect_image(inspect["Image"])
        except NotFound:
            image = {"Id": inspect["Image"]}
        return new.digest in digests_of(image, inspect)


def _runs(summary: Mapping[str, Any]) -> bool:
    return summary.get("State") in {"running", "restarting", "paused"}
