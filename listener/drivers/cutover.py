"""Stop the old one, start the new one: the swap that is always possible.

Rename before stop, then stop and start back to back: the time in which a kill leaves nobody
serving shrinks to two calls. The container that ran before is only ever renamed and stopped, and
removed when the new one has proven itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from listener.drivers.current import CannotSwapError, baseline_of
from listener.drivers.errors import NotFound
from listener.drivers.hostconfig import restart_policy
from listener.drivers.names import parked_name
from listener.drivers.stage import (
    Stage,
    StartError,
    name_of,
    parts,
    refuse_renamed,
    refuse_started,
)
from listener.faults import fault_point
from listener.model.journal import Baseline, Journal


class Cutover(Stage):
    """The verbs of a recreate."""

    async def cut_over(self, journal: Journal) -> tuple[Baseline, float | None] | None:
        """Gives the new container the name, stops the old one, starts the new one.

        Answers what its health is judged against and the gap in seconds as the engine's own
        clock shows it; None where the old one did not run and so the new one stays stopped.
        Raises StartError, CannotSwapError with the old one still in place, or ReplacedError where
        someone else changed what has the name.
        """
        old, _ = parts(journal)
        current, fresh = await self.check(journal)
        parked = parked_name(old.name, "old", journal.deployment.id)
        if current is not None and name_of(current) == old.name:
            await self.move_away(current, parked)
        fault_point("freed")
        if name_of(fresh) != old.name:
            await self.take_name(fresh["Id"], old.name)
        fault_point("named")
        if not old.was_running:
            return None
        if current is not None and current["State"].get("Running"):
            await self.stop(current)
        fault_point("stopping")
        await self.start(fresh["Id"])
        fault_point("started")
        # It was created for this: a restart that is counted already is one of a loop.
        try:
            now = await baseline_of(self.engine, fresh["Id"])
        except NotFound:
            raise StartError("did not start: it ended at once and removed itself") from None
        baseline = now.model_copy(update={"restart_count": 0})
        return baseline, await self._gap(old.id, baseline)

    async def check(self, journal: Journal) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """The old and the new container, once nothing is found against a cut-over.

        Raises as `cut_over`; nothing was changed.
        """
        old, new = parts(journal)
        current = await self.find(old.id)
        fresh = await self.find(new.id)
        if fresh is None:
            raise CannotSwapError("the new container was removed by someone else before it started")
        await self.refuse_strangers(journal)
        refuse_renamed(journal, current)
        refuse_started(old, current)
        return current, fresh

    async def disarm(self, journal: Journal) -> None:
        """Keeps the engine from starting the parked container after a reboot."""
        old, _ = parts(journal)
        if not restart_policy(old.inspect["HostConfig"].get("RestartPolicy")):
            return
        try:
            await self.engine.update_restart_policy(old.id, {"Name": "no"})
        except NotFound:
            return

    async def _gap(self, parked: str, baseline: Baseline) -> float | None:
        """Seconds between the end of one container and the start of the other."""
        inspect = await self.find(parked)
        if inspect is None:
            return None
        return _seconds_between(inspect["State"].get("FinishedAt"), baseline.started_at)


def _seconds_between(finished: str | None, started: str) -> float | None:
    """Between two of the engine's own times; None where the first never came."""
    if not finished or finished.startswith("0001-"):
        return None
    gap = datetime.fromisoformat(started) - datetime.fromisoformat(finished)
    return max(0.0, gap.total_seconds())
