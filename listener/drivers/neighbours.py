"""Services that Compose restarts with the one they depend on: `depends_on: … restart: true`.

They live on their own, so they are the same containers before and after: stopped before the only
container of a service is replaced, and started again once the new one has proven itself. Where the
service goes on in other containers, they are restarted after the last one alone. This program's own
container is never one of them: nobody would start it again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from listener.drivers.compose import is_restarted_with, service_of
from listener.drivers.current import CannotSwapError
from listener.drivers.names import own_name, parse_parked
from listener.drivers.own import is_own
from listener.drivers.stage import Stage, StartError, parts
from listener.faults import fault_point
from listener.model.journal import Journal
from listener.model.target import ComposeService


class Neighbours(Stage):
    """The verbs for all of them. Raises EngineAway."""

    async def of(
        self, service: ComposeService | None, *, since: datetime | None = None
    ) -> tuple[str, ...]:
        """The names of those that run, and of those that ended `since` then."""
        if service is None:
            return ()
        found = []
        for summary in await self.engine.list_containers(all=True):
            if is_own(summary) or parse_parked(own_name(summary)):
                continue
            if is_restarted_with(summary, service):
                inspect = await self.find(own_name(summary))
                if inspect and (_runs(inspect) or (since and _ended(inspect) >= since)):
                    found.append(own_name(summary))
        return tuple(sorted(found))

    async def stop_all(self, journal: Journal) -> None:
        """Stops them before the only container of their service is."""
        old, _ = parts(journal)
        if old.was_running and not journal.pending and not journal.swapped:
            for name in journal.neighbours:
                inspect = await self.find(name)
                if inspect is not None and _runs(inspect):
                    await self.stop(inspect)
                    fault_point("neighbour-stopped")

    async def restart(self, journal: Journal, container: str) -> None:
        """Restarts those that have not started since this container did.

        Raises CannotSwapError where one does not start, when all others do.
        """
        problems = []
        serving = await self.find(container)
        since = _started(serving) if serving else datetime.min.replace(tzinfo=UTC)
        for name in journal.neighbours:
            inspect = await self.find(name)
            if inspect is None or (_runs(inspect) and _started(inspect) > since):
                continue
            if _runs(inspect):
                await self.stop(inspect)
            try:
                await self.start(name)
            except StartError as problem:
                problems.append(f"{name}, which is restarted with it, {problem}")
            fault_point("neighbour-started")
        if problems:
            raise CannotSwapError("; ".join(problems))

    async def start_stopped(self, journal: Journal) -> str | None:
        """Starts those that do not run, where nothing else will; tells which do not start."""
        problems = []
        for name in journal.neighbours:
            inspect = await self.find(name)
            try:
                if inspect is not None and not _runs(inspect):
                    await self.start(name)
            except StartError as problem:
                problems.append(f"{name}, which was stopped meanwhile, {problem}")
        return "; ".join(problems) or None

    async def wake(self, summary: dict[str, Any]) -> None:
        """Starts those that ended since a container was made that is given up, journal and all."""
        made = datetime.fromtimestamp(summary["Created"], UTC)
        for name in await self.of(service_of(summary), since=made):
            await self.engine.start(name)


def _runs(inspect: dict[str, Any]) -> bool:
    return bool(inspect["State"].get("Running"))


def _started(inspect: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(inspect["State"]["StartedAt"])


def _ended(inspect: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(inspect["State"]["FinishedAt"])
