"""The last deployments of each target, as strips of outcomes, in JSON already.

What has ended never changes: it is read from Redis once and remembered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from listener.model.deployment import Deployment
from listener.model.view import TargetView
from listener.store import Archive
from listener.web.shapes import outcome_json

_REMEMBERED = 20_000
# Hooks wait in the same process: records are read in small helpings.
_HELPING = 50


class Strips:
    """Reads and remembers outcomes."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[str, str] = {}

    async def of(self, views: Sequence[TargetView], count: int) -> list[str]:
        """For each target a list of its newest `count` deployments, newest first, as JSON.

        Raises `Unavailable`.
        """
        ids = await self._archive.newest([(view.host, view.name) for view in views], count)
        unknown = [id_ for each in ids for id_ in each if id_ not in self._known]
        running: dict[str, str] = {}
        for start in range(0, len(unknown), _HELPING):
            for found in await self._archive.records(unknown[start : start + _HELPING]):
                self._keep(found, running)
            await asyncio.sleep(0)
        known = {**self._known, **running}
        self._forget()
        return [f"[{','.join(known[id_] for id_ in each if id_ in known)}]" for each in ids]

    def _keep(self, deployment: Deployment, running: dict[str, str]) -> None:
        into = self._known if deployment.state.final else running
        into[deployment.id] = json.dumps(outcome_json(deployment), separators=(",", ":"))

    def _forget(self) -> None:
        surplus = len(self._known) - _REMEMBERED
        for id_ in list(self._known)[: max(0, surplus)]:
            del self._known[id_]
