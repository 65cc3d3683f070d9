"""The way back: nothing old is removed before the new one is proven, so all of it is there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from listener.drivers.current import CannotSwapError, baseline_of, removes_itself
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.hostconfig import restart_policy
from listener.drivers.names import parked_name, parse_parked, warm_network
from listener.drivers.remedy import Wreck
from listener.drivers.stage import GoneError, Stage, StartError, name_of, parts
from listener.drivers.tags import put_back_tag
from listener.faults import fault_point
from listener.model.deployment import short_id
from listener.model.journal import Baseline, Journal


class WayBack(Stage):
    """The verbs that undo a swap, or end it by removing what lost."""

    async def remove_old(self, journal: Journal) -> None:
        """Removes the container that ran before; its volumes stay."""
        old, _ = parts(journal)
        await self.engine.remove(old.id, volumes=False, force=True)
        await self._forget_network(journal)
        for summary in await self.engine.list_containers(all=True):
            # What a failed rollback left stands beside it until one has succeeded.
            parked = parse_parked(str((summary.get("Names") or ["/"])[0])[1:])
            lost = ("old", "bad")
            left = parked is not None and parked.name == old.name and parked.role in lost
            if left and summary["State"] != "running":
                # The data of an old one are not ours to throw away.
                mine = parked is not None and parked.role == "bad"
                await self.engine.remove(summary["Id"], volumes=mine, force=True)

    async def discard(self, journal: Journal) -> None:
        """Takes back all that was done beside the old container, which was never touched."""
        old, _ = parts(journal)
        name = parked_name(old.name, "new", journal.deployment.id)
        # First of all: a container that cannot be removed must not keep the tag from its image.
        await put_back_tag(self.engine, journal)
        await self.dispose(name)
        await self._forget_network(journal)

    async def revert(self, journal: Journal) -> None:
        """Brings back the very container that ran before, under its own name.

        Raises GoneError where it is not there, ReplacedError where its name is a stranger's, and
        CannotSwapError where it does not start.
        """
        old, new = parts(journal)
        await self.refuse_strangers(journal)
        current = await self.find(old.id)
        if current is None or current["State"].get("Status") in {"removing", "dead"}:
            raise _gone(journal)
        fresh = await self.find(new.id)
        if journal.strategy == "warm":
            await self._networks_back(journal, current, fresh)
        if fresh is not None and name_of(fresh) == old.name:
            await self.move_away(fresh, parked_name(old.name, "bad", journal.deployment.id))
        fault_point("unnamed")
        # A bad one with --rm goes when it is stopped, and no name would tell any more what is due.
        named_last = removes_itself(journal)
        if not named_last:
            await self._take_own_name(journal, current)
        await put_back_tag(self.engine, journal)
        policy = restart_policy(old.inspect["HostConfig"].get("RestartPolicy"))
        if policy:
            try:
                await self.engine.update_restart_policy(old.id, policy)
            except NotFound:
                raise _gone(journal) from None
        fault_point("restored")
        if fresh is not None and fresh["State"].get("Status") != "created":
            await self.stop(fresh)
        fault_point("unstarted")
        if old.was_running:
            try:
                await self.start(old.id)
            except StartError as problem:
                if await self.find(old.id) is None:
                    # Pruned while the other one was being stopped.
                    raise _gone(journal) from None
                raise CannotSwapError(str(problem)) from None
        if named_last:
            await self._take_own_name(journal, current)

    async def _take_own_name(self, journal: Journal, current: Mapping[str, Any]) -> None:
        old, _ = parts(journal)
        if name_of(current) != old.name:
            try:
                await self.take_name(old.id, old.name)
            except CannotSwapError:
                # Somebody may have put a container there this moment: then it is theirs.
                await self.refuse_strangers(journal)
                raise
        fault_point("renamed")

    async def step_aside(self, journal: Journal) -> None:
        """Leaves the name to whoever took it, and takes away what stands beside it."""
        old, new = parts(journal)
        mine = short_id(journal.deployment.id)
        for container, own in ((new.id, True), (old.id, False)):
            inspect = await self.find(container)
            parked = parse_parked(name_of(inspect)) if inspect is not None else None
            if inspect is not None and parked is not None and parked.deployment == mine:
                await self.dispose(inspect["Id"], volumes=own)
        await self._forget_network(journal)
        there = await self.find(old.name)
        if there is None or there["Image"] != new.image_id:
            await put_back_tag(self.engine, journal)

    async def wreck(self, journal: Journal, good: str | None) -> Wreck:
        """What is left where the way back failed; `good` is another digest to go back to."""
        old, new = parts(journal)
        before, fresh, there = [await self.find(ref) for ref in (old.id, new.id, old.name)]
        return Wreck(
            target=journal.target.name,
            container=old.name,
            old=name_of(before) if before else None,
            old_runs=bool(before and before["State"].get("Running")),
            new=name_of(fresh) if fresh else None,
            holder=name_of(there) if there else None,
            good=good if before else old.digest or good,
        )

    async def remove_bad(self, journal: Journal) -> None:
        """Removes the container that failed, with the volumes that were made for it alone."""
        _, new = parts(journal)
        await self.dispose(new.id)
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
            network = warm_network(parts(journal)[0].name, journal.deployment.id)
            # One on which somebody put another container stays until that is gone.
            with suppress(EngineError):
                await self.engine.remove_network(network)


def _gone(journal: Journal) -> GoneError:
    old, _ = parts(journal)
    return GoneError(f"container {old.id[:12]} that ran before is gone")
