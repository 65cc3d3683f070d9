"""Containers that live off the target's: in its namespaces, with its volumes, or linked to it.

Such a container names the target's by an id that a swap makes meaningless: it would not start
again. So each is stopped before the target's old container and created again, from its own image,
once the new one runs. The originals are parked beside them until the new ones are proven, and
brought back with the target's old container if they are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from listener.drivers.clone import CloneError, plan_clone
from listener.drivers.copies import carry_copies
from listener.drivers.current import NAMESPACES, CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.names import HOLD_PREFIX, Role, parked_name, parse_parked
from listener.drivers.snapshot import Snapshot
from listener.drivers.stage import Stage, StartError, before, name_of, parts
from listener.faults import fault_point
from listener.model.journal import Journal, OldContainer

_LOOKS, _BETWEEN_LOOKS = 20, 0.5
_STEADY = 6
"""So many looks in a row must find it running, where it had to be started again."""


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
            if not _lives_off(other):
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
    return not _lives_off(other).isdisjoint((name_of(on), on["Id"], on["Id"][:12]))


def _lives_off(inspect: Mapping[str, Any]) -> set[str]:
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


class Dependents(Stage):
    """The verbs for all dependents of a journal's target."""

    async def stop_all(self, journal: Journal) -> None:
        """Stops the originals: what they live off is about to stop."""
        for one in reversed(journal.dependents):
            inspect = await self.find(one.id)
            if inspect is not None and inspect["State"].get("Running"):
                await self.stop(inspect)

    async def adopt(self, journal: Journal) -> None:
        """Puts a new container in the place of each, living off the new one, and starts it.

        Raises StartError, or CannotSwapError.
        """
        for one in journal.dependents:
            fresh = await self._successor(journal, one)
            if fresh is None:
                fresh = await self._create(journal, one)
            fault_point("adopting")
            await self._park(journal, one)
            if name_of(fresh) != one.name:
                await self.take_name(fresh["Id"], one.name)
            fault_point("adopted")
            if one.was_running:
                await self._start(one, fresh["Id"])

    async def fallen(self, journal: Journal) -> tuple[str, tuple[str, ...]] | None:
        """What became of one that ran before and does not run now, and its last lines; None where
        all of them run.

        One that its restart policy has started again may only have waited for the target: it gets
        some seconds to stay up.
        """
        for one in journal.dependents:
            ran = one.was_running and not one.inspect["State"].get("Restarting")
            if ran and (problem := await self._problem(one)):
                return f"{one.name}, which lives off it, {problem}", await self.logs(one.name)
        return None

    async def _problem(self, one: OldContainer) -> str | None:
        restarts, steady = 0, 0
        for _ in range(_LOOKS):
            inspect = await self.find(one.name)
            state = inspect["State"] if inspect else {}
            if not state.get("Running"):
                code = state.get("ExitCode")
                return f"exited with code {code}" if code else None
            before, restarts = restarts, int(inspect.get("RestartCount", 0)) if inspect else 0
            steady = 0 if state.get("Restarting") or restarts != before else steady + 1
            if not restarts or steady == _STEADY:
                return None
            await asyncio.sleep(_BETWEEN_LOOKS)
        return f"restarts over and over, {restarts} times so far"

    async def give_back(self, journal: Journal) -> None:
        """Takes the new ones away, so that the originals have their names again; none runs."""
        for one in reversed(journal.dependents):
            fresh = await self._successor(journal, one)
            if fresh is not None:
                if fresh["State"].get("Running"):
                    await self.stop(fresh)
                if name_of(fresh) == one.name:
                    await self.move_away(fresh, self._beside(journal, one, "bad"))
            original = await self.find(one.id)
            if original is None:
                raise CannotSwapError(f"container {one.name}, which lived off it, was removed")
            if name_of(original) != one.name:
                await self.take_name(one.id, one.name)
            policy = one.inspect["HostConfig"].get("RestartPolicy") or {}
            await self.engine.update_restart_policy(
                one.id, {**policy, "Name": policy.get("Name") or "no"}
            )

    async def start_originals(self, journal: Journal) -> None:
        """Starts those that ran before; raises CannotSwapError."""
        for one in journal.dependents:
            if one.was_running:
                try:
                    await self._start(one, one.id)
                except StartError as problem:
                    raise CannotSwapError(str(problem)) from None

    async def remove(self, journal: Journal, role: Role) -> None:
        """Removes those that lost: the originals (`old`), or the new ones (`bad` and `new`)."""
        for one in journal.dependents:
            own = role != "old"
            await self.engine.remove(self._beside(journal, one, role), volumes=own, force=True)

    async def _start(self, one: OldContainer, container: str) -> None:
        try:
            await self.start(container)
        except StartError as problem:
            raise StartError(f"{one.name}, which lives off it, {problem}") from None

    async def _park(self, journal: Journal, one: OldContainer) -> None:
        original = await self.find(one.id)
        if original is None:
            return
        if name_of(original) == one.name:
            await self.move_away(original, self._beside(journal, one, "old"))
        await self.engine.update_restart_policy(one.id, {"Name": "no"})

    async def _successor(self, journal: Journal, one: OldContainer) -> dict[str, Any] | None:
        """The new one, whichever name it has by now."""
        for role in ("new", "bad"):
            found = await self.find(self._beside(journal, one, role))
            if found is not None:
                return found
        there = await self.find(one.name)
        return there if there is not None and there["Id"] != one.id else None

    async def _create(self, journal: Journal, one: OldContainer) -> dict[str, Any]:
        old, new = parts(journal)
        names = {old.id: new.id or "", old.id[:12]: new.id or "", old.name: old.name}
        setting = self.surroundings(containers=names)
        try:
            clone = plan_clone(before(one), await self._reference(one), setting)
            name = self._beside(journal, one, "new")
            container, _ = await self.make(name, clone.body)
            for network, endpoint in clone.networks.items():
                await self.join(network, container, endpoint)
            inspect = await self.engine.inspect_container(container)
        except (CloneError, EngineError) as problem:
            raise CannotSwapError(
                f"container {one.name}, which lives off it, could not be created again: {problem}"
            ) from None
        await carry_copies(self.engine, before(one), Snapshot(inspect, None))
        return inspect

    async def _reference(self, one: OldContainer) -> str:
        """Its image as its user spelled it, unless that means another image by now."""
        spelled = str(one.inspect["Config"]["Image"])
        try:
            means = (await self.engine.inspect_image(spelled))["Id"]
        except NotFound:
            means = None
        return spelled if means == one.image_id else one.image_id

    @staticmethod
    def _beside(journal: Journal, one: OldContainer, role: Role) -> str:
        return parked_name(one.name, role, journal.deployment.id)
