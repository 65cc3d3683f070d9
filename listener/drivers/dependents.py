"""Containers that live off the target's: in its namespaces, with its volumes, or linked to it.

Such a container names the target's by an id that a swap makes meaningless: it would not start
again. So each is stopped before the target's old container and created again, from its own image,
once the new one runs. The originals are parked beside them until the new ones are proven, and
brought back with the target's old container if they are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from listener.drivers.clone import CloneError, plan_clone
from listener.drivers.copies import carry_copies
from listener.drivers.current import CannotSwapError
from listener.drivers.dependence import lives_off
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.names import Role, parked_name
from listener.drivers.snapshot import Snapshot
from listener.drivers.stage import Stage, StartError, before, name_of, parts
from listener.faults import fault_point
from listener.model.journal import Journal, OldContainer

_LOOKS, _BETWEEN_LOOKS = 20, 0.5
_STEADY = 6
"""So many looks in a row must find it running, where it had to be started again."""


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
            if fresh is not None and name_of(fresh) != one.name and not _started(fresh):
                # Made in part, perhaps, when this program was killed.
                await self.engine.remove(fresh["Id"], volumes=True, force=True)
                fresh = None
            if fresh is None:
                fresh = await self._create(journal, one, self._names(journal))
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
            if original is not None:
                await self._unpark(one, original)

    async def bring_back(self, journal: Journal) -> None:
        """Starts those that ran before, once the old container is back; raises CannotSwapError.

        One that is gone, or names an old container that was created again, is itself created again.
        """
        old, _ = parts(journal)
        planned = str(old.inspect["Id"])
        former = {planned, planned[:12]} - {old.id, old.id[:12]}
        for one in journal.dependents:
            container = one.id
            gone = lives_off(one.inspect) & former
            if gone or await self.find(one.id) is None:
                container = await self._again(journal, one, dict.fromkeys(gone, old.id))
            if one.was_running:
                try:
                    await self._stop_stranded(container, old)
                    await self._start(one, container)
                except StartError as problem:
                    raise CannotSwapError(str(problem)) from None

    async def _stop_stranded(self, container: str, old: OldContainer) -> None:
        """Stops one that somebody else made and that ran on while the old one was stopped: it is
        left in namespaces that are gone.
        """
        inspect, back = await self.find(container), await self.find(old.id)
        if inspect is None or back is None or not inspect["State"].get("Running"):
            return
        if _started_at(inspect) < _started_at(back):
            await self.stop(inspect)

    async def _again(self, journal: Journal, one: OldContainer, names: Mapping[str, str]) -> str:
        """A container in the place of one that is gone or cannot start any more; its id."""
        there = await self.find(one.name)
        if there is not None and there["Id"] != one.id:
            return str(there["Id"])  # made before a kill, or by somebody else
        await self.engine.remove(self._beside(journal, one, "new"), volumes=True, force=True)
        fresh = await self._create(journal, one, names)
        await self.engine.remove(one.id, volumes=False, force=True)
        await self.take_name(fresh["Id"], one.name)
        return str(fresh["Id"])

    async def asleep(self, journal: Journal) -> tuple[str, ...]:
        """The names of those that ran before and do not now."""
        found = [
            (one.name, await self.find(one.name)) for one in journal.dependents if one.was_running
        ]
        return tuple(name for name, there in found if there and not there["State"].get("Running"))

    async def step_aside(self, journal: Journal) -> str | None:
        """Gives those back that stand parked, where a stranger has the target's place: under their
        names, if these are free, and running, if they can. Tells which of them do not start.
        """
        problems = []
        for one in journal.dependents:
            original = await self.find(one.id)
            if original is None:
                continue
            if name_of(original) != one.name and await self.find(one.name) is not None:
                await self.engine.remove(one.id, volumes=False, force=True)
                continue
            await self._unpark(one, original)
            if one.was_running and not original["State"].get("Running"):
                try:
                    await self._start(one, one.id)
                except StartError as problem:
                    problems.append(str(problem))
        return "; ".join(problems) or None

    async def _unpark(self, one: OldContainer, original: Mapping[str, Any]) -> None:
        if name_of(original) != one.name:
            await self.take_name(one.id, one.name)
        policy = one.inspect["HostConfig"].get("RestartPolicy") or {}
        await self.engine.update_restart_policy(
            one.id, {**policy, "Name": policy.get("Name") or "no"}
        )

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
        if there is None or there["Id"] == one.id:
            return None
        # What somebody else has made anew lives off the old one still.
        old, _ = parts(journal)
        return there if lives_off(there).isdisjoint((old.id, old.id[:12])) else None

    @staticmethod
    def _names(journal: Journal) -> dict[str, str]:
        """By which of its names the target was meant -> by which it is."""
        old, new = parts(journal)
        return {old.id: new.id or "", old.id[:12]: new.id or "", old.name: old.name}

    async def _create(
        self, journal: Journal, one: OldContainer, names: Mapping[str, str]
    ) -> dict[str, Any]:
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


def _started_at(inspect: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(inspect["State"]["StartedAt"])


def _started(inspect: Mapping[str, Any]) -> bool:
    return bool(inspect["State"].get("Status") != "created")
