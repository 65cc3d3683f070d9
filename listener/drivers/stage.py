"""What all parts of a swap stand on: the two containers of a journal, found and moved by name.

Every verb is an *ensure* that may be repeated after a kill. All raise EngineAway where the engine
gives no answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from listener.drivers.current import CannotSwapError, exactly
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineError, EngineStuck, NotFound
from listener.drivers.names import parked_name
from listener.drivers.networks import plan_endpoints
from listener.drivers.snapshot import Setting, Snapshot
from listener.faults import fault_point
from listener.model.journal import Journal, NewContainer, OldContainer

_ENGINE_PATIENCE = 10
_RECALL_WITHIN = 15.0
_NAME_LOOKS, _BETWEEN_LOOKS = 100, 0.1


class ReplacedError(Exception):
    """Someone else put another container in the target's place."""


class GoneError(Exception):
    """The container that ran before is not there any more."""


class StartError(Exception):
    """The new container did not start; the message is the engine's."""


def refuse_renamed(journal: Journal, current: Mapping[str, Any] | None) -> None:
    """Raises ReplacedError where someone gave the old one a name that is neither its own nor the
    one beside the target: it was set aside, to be kept.
    """
    old, _ = parts(journal)
    parked = parked_name(old.name, "old", journal.deployment.id)
    if current is not None and name_of(current) not in {old.name, parked}:
        raise ReplacedError(f"someone else renamed {old.name} to {name_of(current)}")


def refuse_started(old: OldContainer, current: Mapping[str, Any] | None) -> None:
    """Raises CannotSwapError where the old one did not run and runs by now: it would be killed, and
    the new one not started in its place.
    """
    if current is not None and current["State"].get("Running") and not old.was_running:
        raise CannotSwapError(
            f"{old.name} was stopped when this deployment began, and someone has started it since"
        )


class Stage:
    """One engine, and ways to look at the containers of a swap on it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def find(self, ref: str | None) -> dict[str, Any] | None:
        """A container by id or name; None where there is none, or it is being removed."""
        inspect = await exactly(self.engine, ref) if ref else None
        if inspect is None or inspect["State"].get("Status") != "removing":
            return inspect
        return None if await self.engine.gone(inspect["Id"]) else inspect

    async def make(self, name: str, body: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Creates a container as `Engine.create_container` does, on the platform of its image."""
        platform = await self.engine.foreign_platform(str(body["Image"]))
        return await self.engine.create_container(name, body, platform)

    async def inspect_new(self, journal: Journal) -> dict[str, Any] | None:
        """The new container as it is now; None where someone removed it.

        Raises ReplacedError where another container has its place.
        """
        _, new = parts(journal)
        inspect = await self.find(new.id)
        if inspect is None:
            await self.refuse_strangers(journal)
        return inspect

    async def refuse_strangers(self, journal: Journal) -> None:
        """Raises ReplacedError where the target's name belongs to neither of the two."""
        old, new = parts(journal)
        there = await self.find(old.name)
        if there is not None and there["Id"] not in {old.id, new.id}:
            raise ReplacedError(
                f"someone else put container {there['Id'][:12]} in the place of {old.name}"
            )

    async def inspect_old(self, journal: Journal) -> dict[str, Any] | None:
        """The container that ran before, as it is now; None where it was removed."""
        old, _ = parts(journal)
        return await self.find(old.id)

    async def logs(self, container: str) -> tuple[str, ...]:
        """The last 100 lines; a sentence where its log driver cannot be read."""
        try:
            return tuple(await self.engine.logs(container, tail=100))
        except (EngineError, EngineStuck) as problem:
            return (f"its log cannot be read: {problem}",)

    async def exit_code(self, container: str, since: datetime) -> int | None:
        """With which code a container ended that is gone by now; None where it is not known."""
        ends = {"container": [container], "event": ["die"]}
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECALL_WITHIN):
                # The engine remembers some hundred events.
                async for event in self.engine.events(ends, since.timestamp(), time.time()):
                    return int(event["Actor"]["Attributes"]["exitCode"])
        return None

    def setting(self, journal: Journal) -> Setting:
        """What surrounds this swap, for the plan of the clone."""
        old, new = parts(journal)
        return self.surroundings(images={old.image_id: new.image_id})

    def surroundings(
        self,
        *,
        images: Mapping[str, str] | None = None,
        containers: Mapping[str, str] | None = None,
    ) -> Setting:
        """What the engine is, and what images and other containers are called by now."""
        return Setting(
            self.engine.api,
            machine=self.engine.name,
            cgroup_v2=self.engine.cgroup_v2,
            podman=self.engine.podman,
            images=images or {},
            containers=containers or {},
        )

    def endpoints(self, journal: Journal) -> dict[str, dict[str, Any]]:
        """The networks of the target with what its user chose for each, the main one first."""
        old, _ = parts(journal)
        return plan_endpoints(before(old), self.setting(journal))

    async def start(self, container: str) -> None:
        """Starts a container; raises StartError with the engine's own words for why it did not."""
        try:
            await self.engine.start(container)
        except EngineError as problem:
            inspect = await self.find(container)
            state = inspect["State"] if inspect else {}
            raise StartError(f"did not start: {state.get('Error') or problem}") from None

    async def stop(self, inspect: Mapping[str, Any]) -> None:
        """Stops a container and gives it the time that it was configured to have."""
        own = (inspect.get("Config") or {}).get("StopTimeout")
        patience = _ENGINE_PATIENCE if own is None else int(own)
        with suppress(NotFound):  # it ended by itself and went, as one with --rm does
            await self.engine.stop(inspect["Id"], patience)

    async def dispose(self, ref: str | None, *, volumes: bool = True) -> None:
        """Removes a container that lost, with its anonymous `volumes`; fine where there is none.

        One that runs is stopped first: it may write to what it shares with the one that stays.
        """
        inspect = await self.find(ref)
        if inspect is None:
            return
        if inspect["State"].get("Running"):
            with suppress(EngineError):  # what cannot be stopped is killed
                await self.stop(inspect)
                fault_point("disposing")
        await self.engine.remove(inspect["Id"], volumes=volumes, force=True)

    async def move_away(self, inspect: Mapping[str, Any], name: str) -> None:
        """Gives a container the name of one beside the target; fine where it is gone."""
        try:
            await self.engine.rename(inspect["Id"], name)
        except Conflict:
            raise
        except EngineError as problem:
            if isinstance(problem, NotFound) and await self.find(inspect["Id"]) is None:
                return
            # Between two tries of a restart loop the engine takes a container for running and
            # misses its network ("sandbox not found"). It serves nobody: stop it first.
            await self.stop(inspect)
            await self.engine.rename(inspect["Id"], name)

    async def take_name(self, container: str, name: str) -> None:
        """Gives a container the target's name; raises CannotSwapError where another has it.

        The engine keeps a name from before a container is seen until after it is gone: that is
        waited for.
        """
        for left in reversed(range(_NAME_LOOKS)):
            try:
                await self.engine.rename(container, name)
                break
            except Conflict as problem:
                if not left or await self.find(name) is not None:
                    said = f"another container took the name {name}: {problem}"
                    raise CannotSwapError(said) from None
            await asyncio.sleep(_BETWEEN_LOOKS)

    async def connected(self, inspect: Mapping[str, Any] | None) -> list[str]:
        """The networks that a container is on, or will be on when it starts.

        Where it could not be connected while it ran, for its port was taken, its inspect shows
        the network all the same; the network knows better.
        """
        if inspect is None:
            return []
        names = list(networks_of(inspect))
        if not inspect["State"].get("Running"):
            return names
        return [name for name in names if await self._carries(name, inspect["Id"])]

    async def _carries(self, network: str, container: str) -> bool:
        try:
            return container in ((await self.engine.inspect_network(network))["Containers"] or {})
        except NotFound:
            return False

    async def join(self, network: str, container: str, settings: Mapping[str, Any]) -> None:
        """Connects a container to a network, if it is not connected."""
        try:
            await self.engine.connect_network(network, container, settings)
        except EngineError:
            # An earlier try may have been done and not answered.
            if network not in await self.connected(await self.find(container)):
                raise

    async def leave(self, network: str, container: str) -> None:
        """Takes a container off a network, if it is connected."""
        try:
            await self.engine.disconnect_network(network, container)
        except EngineError:
            if network in await self.connected(await self.find(container)):
                raise


def parts(journal: Journal) -> tuple[OldContainer, NewContainer]:
    """Both containers of a planned swap."""
    if journal.old is None or journal.new is None:
        raise ValueError(f"deployment {journal.deployment.id} has no plan yet")
    return journal.old, journal.new


def before(old: OldContainer) -> Snapshot:
    """The container as it was before anything changed."""
    return Snapshot(old.inspect, old.image_config)


def networks_of(inspect: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """A container's endpoints by the names of their networks."""
    return Snapshot(inspect, None).endpoints


def name_of(inspect: Mapping[str, Any]) -> str:
    """A container's name without the engine's slash."""
    return str(inspect["Name"]).removeprefix("/")
