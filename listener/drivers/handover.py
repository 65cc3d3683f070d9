"""The new container runs beside the old one before it takes over: start-first and warm.

start-first: it boots on the target's networks without aliases, so that nobody finds it; when it is
healthy it gets the aliases and then the name. warm: it boots on an internal network of its own,
where its published ports are not programmed; when it is healthy the old one leaves the target's
networks and the new one joins them.

Until the hand-over every way back is to remove the new one. After it the old one still runs, until
it is retired.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from listener.drivers.current import CannotSwapError, baseline_of
from listener.drivers.names import WARM, WARM_ENDPOINTS, parked_name, warm_network
from listener.drivers.stage import (
    Stage,
    StartError,
    name_of,
    networks_of,
    parts,
    refuse_renamed,
)
from listener.faults import fault_point
from listener.model.journal import Baseline, Journal


class Handover(Stage):
    """The verbs of start-first and warm."""

    async def boot(self, journal: Journal) -> Baseline:
        """Starts the new container where nobody finds it; what its health is judged against.

        Raises StartError, or CannotSwapError where it is gone.
        """
        fresh = await self._fresh(journal)
        if not fresh["State"].get("Running"):
            if journal.strategy == "warm":
                await self._seclude(journal, fresh)
            else:
                await self._connect(journal, fresh, aliases=False)
            fault_point("secluded")
            await self.start(fresh["Id"])
        now = await baseline_of(self.engine, fresh["Id"])
        return now.model_copy(update={"restart_count": 0})

    async def hand_over(self, journal: Journal) -> tuple[Baseline, float | None]:
        """Makes clients find the new container; both run afterwards.

        Answers what its health is judged against from now on, and the gap in seconds; None where
        an earlier try began it. Raises StartError where the new one no longer runs, and
        CannotSwapError where one of them is gone.
        """
        old, _ = parts(journal)
        fresh = await self._fresh(journal)
        current = await self.find(old.id)
        await self.refuse_strangers(journal)
        if current is None:
            raise CannotSwapError(f"container {old.id[:12]} that runs was removed by someone")
        refuse_renamed(journal, current)
        if not fresh["State"].get("Running"):
            raise StartError("it ended before it took over")
        if journal.strategy == "start-first":
            # It serves nobody yet: taken off a network and put back with its aliases now, no
            # request is lost.
            await self._connect(journal, fresh, aliases=True)
        fault_point("found")
        if name_of(current) == old.name:
            await self.move_away(current, parked_name(old.name, "old", journal.deployment.id))
        fault_point("freed")
        if name_of(fresh) != old.name:
            await self.take_name(fresh["Id"], old.name)
        fault_point("named")
        gap: float | None = 0.0
        if journal.strategy == "warm":
            gap = await self._change_networks(journal, current, fresh)
        return await baseline_of(self.engine, fresh["Id"]), gap

    async def retire(self, journal: Journal) -> None:
        """Stops the old container, which nobody is led to any more."""
        old, _ = parts(journal)
        current = await self.find(old.id)
        if current is not None and current["State"].get("Running"):
            await self.stop(current)
        fault_point("stopping")

    async def _fresh(self, journal: Journal) -> dict[str, Any]:
        _, new = parts(journal)
        fresh = await self.find(new.id)
        if fresh is None:
            raise CannotSwapError("the new container was removed by someone else")
        return fresh

    async def _seclude(self, journal: Journal, fresh: Mapping[str, Any]) -> None:
        """Puts the new container on a network of its own and on no other."""
        old, _ = parts(journal)
        network = warm_network(old.name, journal.deployment.id)
        labels = {
            WARM: old.name,
            WARM_ENDPOINTS: json.dumps(self.endpoints(journal)),
        }
        await self.engine.ensure_internal_network(network, labels)
        for name in networks_of(fresh):
            if name != network:
                await self.leave(name, fresh["Id"])
        if network not in networks_of(fresh):
            await self.join(network, fresh["Id"], {})

    async def _connect(self, journal: Journal, fresh: Mapping[str, Any], *, aliases: bool) -> None:
        """Connects the new container to the target's networks, with or without their aliases."""
        on, shown = await self.connected(fresh), networks_of(fresh)
        for name, wanted in self.endpoints(journal).items():
            asked = set(wanted.get("Aliases") or ())
            has = asked <= set((shown.get(name) or {}).get("Aliases") or ())
            if name in on and (not asked or has is aliases):
                continue
            if name in on:
                await self.leave(name, fresh["Id"])
            settings = wanted if aliases else {k: v for k, v in wanted.items() if k != "Aliases"}
            await self.join(name, fresh["Id"], settings)

    async def _change_networks(
        self, journal: Journal, current: Mapping[str, Any], fresh: Mapping[str, Any]
    ) -> float | None:
        endpoints = self.endpoints(journal)
        leaves, has = await self.connected(current), await self.connected(fresh)
        began = time.monotonic()
        # Off all of them first: the engine publishes the ports on a network that is left.
        for name in leaves:
            await self.leave(name, current["Id"])
            fault_point("moved")
        for name, wanted in endpoints.items():
            if name not in has:
                await self.join(name, fresh["Id"], wanted)
            fault_point("joined")
        gap = time.monotonic() - began
        # The network itself goes with the container that lost: until then it tells, also where the
        # journal is lost, which endpoints belong to the target.
        network = warm_network(parts(journal)[0].name, journal.deployment.id)
        await self.leave(network, fresh["Id"])
        return gap if endpoints.keys() <= set(leaves) else None
