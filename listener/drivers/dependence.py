"""Which containers live off another one: in its namespaces, with its volumes, or linked to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from listener.drivers.current import NAMESPACES, CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.names import HOLD_PREFIX, parse_parked
from listener.drivers.stage import name_of
from listener.model.journal import OldContainer


@dataclass(frozen=True, slots=True)
class Living:
    """What lives off a container.

    `names` are those of all such containers, also of some that stand beside one in a swap.
    """

    dependents: tuple[OldContainer, ...]
    names: frozenset[str]


class Dependence:
    """Finds what lives off a container.

    Most containers live off none, which never changes: those are inspected once in their life.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._independent: set[str] = set()

    async def on(self, inspect: Mapping[str, Any]) -> Living:
        """All containers, running or not, that must be created again when this one is; by name.

        Raises CannotSwapError where one of them could not be.
        """
        listed = await self._engine.list_containers(all=True)
        self._independent &= {summary["Id"] for summary in listed}
        looks = [
            _inspect(self._engine, other)
            for other in listed
            if other["Id"] != inspect["Id"]
            and other["Id"] not in self._independent
            and not _name(other).startswith(HOLD_PREFIX)
        ]
        found, names = [], set()
        for other in await asyncio.gather(*looks):
            if other is None:
                continue
            if not lives_off(other):
                self._independent.add(other["Id"])
            if not depends(other, inspect):
                continue
            parked = parse_parked(name_of(other))
            names.add(parked.name if parked else name_of(other))
            if parked is None:
                found.append(await _as_it_is(self._engine, other))
        return Living(tuple(sorted(found, key=lambda one: one.name)), frozenset(names))


async def _inspect(engine: Engine, summary: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return await engine.inspect_container(summary["Id"])
    except NotFound:
        return None  # it was removed meanwhile
    except EngineError:
        if summary["State"] == "running":
            raise
        # A wreck, of a removal that failed half way: it never starts again.
        return None


def _name(summary: Mapping[str, Any]) -> str:
    return str((summary.get("Names") or ["/"])[0]).removeprefix("/")


def depends(other: Mapping[str, Any], on: Mapping[str, Any]) -> bool:
    """Whether a container lives off another one."""
    return not lives_off(other).isdisjoint((name_of(on), on["Id"], on["Id"][:12]))


def lives_off(inspect: Mapping[str, Any]) -> set[str]:
    """Names and ids of the containers that it lives off; which ones is settled at its creation."""
    host = inspect["HostConfig"]
    modes = [str(host.get(mode) or "") for mode in NAMESPACES]
    # A mode without it is a network's name, which may be that of a container, too.
    shared = {mode.partition(":")[2] for mode in modes if mode.startswith("container:")}
    volumes = {source.partition(":")[0] for source in host.get("VolumesFrom") or ()}
    links = {link.partition(":")[0].removeprefix("/") for link in host.get("Links") or ()}
    return shared | volumes | links


async def _as_it_is(engine: Engine, inspect: dict[str, Any]) -> OldContainer:
    name = name_of(inspect)
    if inspect["HostConfig"].get("AutoRemove"):
        raise CannotSwapError(
            f"container {name} lives off this one and was started with --rm: it would be lost; "
            "create it without --rm, or stop it"
        )
    try:
        image = await engine.inspect_image(inspect["Image"])
    except NotFound:
        raise CannotSwapError(
            f"container {name} lives off this one and its image is gone from the engine: "
            "pull it again"
        ) from None
    return OldContainer(
        id=inspect["Id"],
        name=name,
        image_id=inspect["Image"],
        digest=None,
        image_config=image.get("Config") or {},
        inspect=inspect,
        was_running=bool(inspect["State"].get("Running")),
        was_healthy=True,
    )
