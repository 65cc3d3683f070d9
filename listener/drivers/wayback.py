"""The way back: nothing old is removed before the new one is proven, so all of it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from listener.drivers.current import CannotSwapError, baseline_of
from listener.drivers.names import parked_name, warm_network
from listener.drivers.stage import Stage, StartError, name_of, parts
from listener.drivers.tags import put_back_tag
from listener.faults import fault_point
from listener.model.journal import Baseline, Journal


class WayBack(Stage):
    """The verbs that undo a swap, or end it by removing what lost."""

    async def remove_old(self, journal: Journal) -> None:
        """Removes the container that ran before; its volumes stay."""
        old, _ = parts(journal)
        await self.engine.remove(old.id, volumes=False, force=True)
        await self._forget_network(journal)

    async def discard(self, journal: Journal) -> None:
        """Takes back all that was done beside the old container, which was never touched."""
        old, _ = parts(journal)
        name = parked_name(old.name, "new", journal.deployment.id)
        await self.engine.remove(name, volumes=True, force=True)
        await self._forget_network(journal)
        await put_back_tag(self.engine, journal)

    async def revert(self, journal: Journal) -> None:
        """Brings back the very container that ran before, under its own name.

        Raises CannotSwapError where it is gone, or its name is taken by a stranger.
        """
        old, new = parts(journal)
        current = await self.find(old.id)
        if current is None:
            raise CannotSwapError(f"container {old.id[:12]} that ran before was removed by someone")
        fresh = await self.find(new.id)
        if journal.strategy == "warm":
            await self._networks_back(journal, current, fresh)
        if fresh is not None and name_of(fresh) == old.name:
            await self.move_away(fresh, parked_name(old.name, "bad", journal.deployment.id))
        fault_point("unnamed")
        if name_of(current) != old.name:
            await self.take_name(old.id, old.name)
        fault_point("renamed")
        await put_back_tag(self.engine, journal)
        policy = old.inspect["HostConfig"].get("RestartPolicy") or {}
        await self.engine.update_restart_policy(
            old.id, {**policy, "Name": policy.get("Name") or "no"}
        )
        fault_point("restored")
        if fresh is not None and fresh["State"].get("Status") != "created":
            await self.stop(fresh)
        fault_point("unstarted")
        if old.was_running:
            try:
                await self.start(old.id)
            except StartError as problem:
                raise CannotSwapError(str(problem)) from None

    async def remove_bad(self, journal: Journal) -> None:
        """Removes the container that failed, with the volumes that were made for it alone."""
        _, new = parts(journal)
        if new.id:
            await self.engine.remove(new.id, volumes=True, force=True)
        await self._forget_network(journal)

    async def baseline_of_old(self, journal: Journal) -> Baseline:
        """What the health of the container that came back is judged against."""
        old, _ = parts(journal)
        return await baseline_of(self.engine, old.id)

    async def _networks_back(
        self, journal: Journal, current: Mapping[str, Any], fresh: Mapping[str, Any] | None
    ) -> None:
        """Gives the target's networks back to the old container, if it lost them."""
        has = await self.connected(current)
        lost = {name: ep for name, ep in self.endpoints(journal).items() if name not in has}
        if lost and fresh is not None:
            # Off all of them first: the engine publishes the ports on a network that is left.
            for name in await self.connected(fresh):
                await self.leave(name, fresh["Id"])
                fault_point("given-up")
        for name, wanted in lost.items():
            await self.join(name, current["Id"], wanted)
            fault_point("given-back")

    async def _forget_network(self, journal: Journal) -> None:
        if journal.strategy == "warm":
            await self.engine.remove_network(warm_network(journal.deployment.id))
