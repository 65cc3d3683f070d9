"""Which deployment may change which containers: two that touch the same one take turns.

A deployment changes its target's container and creates those anew that live off it. Where such a
one is a target itself and both are pushed at once, each would pull the ground from under the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Set
from contextlib import contextmanager

import structlog

from listener.model.journal import Journal

log = structlog.get_logger(__name__)


class Claims:
    """Names of containers, claimed by the deployments that are under way here."""

    def __init__(self) -> None:
        self._held: dict[str, frozenset[str]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    @contextmanager
    def until_its_end(self, journal: Journal) -> Iterator[None]:
        """Keeps a deployment's claim while it runs; one that goes on has its claim at once."""
        deployment = journal.deployment.id
        if journal.old is not None:
            self._held[deployment] = journal.touched
        ended = self._ends[deployment] = asyncio.Event()
        try:
            yield
        finally:
            self._held.pop(deployment, None)
            del self._ends[deployment]
            ended.set()

    async def claim(self, deployment: str, names: Set[str]) -> None:
        """Returns once these containers are this deployment's alone; what it had is let go of."""
        self._held.pop(deployment, None)
        while True:
            holder = next((one for one, held in self._held.items() if held & names), None)
            if holder is None:
                self._held[deployment] = frozenset(names)
                return
            log.info(
                "waiting for a deployment of the same containers",
                deployment=deployment,
                other=holder,
                containers=sorted(self._held[holder] & names),
            )
            await self._ends[holder].wait()
