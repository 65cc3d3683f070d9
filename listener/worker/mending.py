"""Swaps whose journal was lost are put right, or get a journal anew, before a worker begins."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

import structlog

from listener.deploy.reconstruction import Reconstruction
from listener.deploy.salvage import Salvage
from listener.deploy.scene import Scene, scenes
from listener.discovery import Discovery
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, EngineStuck
from listener.drivers.holds import Holds
from listener.drivers.strategy import ImpossibleStrategy
from listener.model.journal import Journal
from listener.model.target import Memory, Target

log = structlog.get_logger(__name__)


class Mends(Protocol):
    """What is done where Redis knows less than there is to see."""

    async def mend(self, containers: Set[str], busy: Set[str]) -> list[Journal]:
        """Mends all but the `containers` of known journals and the targets that are `busy`.

        Answers the journals to go on with, one for each target.
        """

    async def recall(self, target: Target) -> Memory:
        """What the target can go back to, where that was forgotten. May be empty."""


class Mending:
    """Looks at what stands beside the targets of one engine. Raises EngineAway."""

    def __init__(self, engine: Engine, discovery: Discovery) -> None:
        self._engine = engine
        self._discovery = discovery
        self._holds = Holds(engine)
        self._salvage = Salvage(engine)
        self._reconstruction = Reconstruction(engine)

    async def mend(self, containers: Set[str], busy: Set[str]) -> list[Journal]:
        """By the names of the containers, see Mends."""
        found: dict[str, list[Journal]] = {}
        for scene in await scenes(self._engine):
            if scene.name not in containers:
                journal = await self._mend(scene, busy)
                if journal is not None:
                    found.setdefault(journal.target.name, []).append(journal)
        return [await self._reconstruction.joined(journals) for journals in found.values()]

    async def recall(self, target: Target) -> Memory:
        """By the images that are held on the engine."""
        return Memory(good=tuple(await self._holds.held(target.pin)))

    async def _mend(self, scene: Scene, busy: Set[str]) -> Journal | None:
        summary = scene.own or scene.one("old") or scene.one("new") or scene.one("bad")
        if summary is None:
            await self._salvage.clear_networks(scene)
            return None
        target = await self._discovery.parked(scene.name, summary)
        if target is None or target.name in busy:
            return None
        if target.own:
            log.error(
                "a replacement of this program was left half done: look at what stands beside it",
                container=scene.name,
            )
            return None
        return await self._judge(scene, target)

    async def _judge(self, scene: Scene, target: Target) -> Journal | None:
        try:
            phase = await self._salvage.mend(scene, target)
            if phase is not None:
                return await self._reconstruction.journal(scene, target, phase)
        except (EngineError, EngineStuck, CannotSwapError, ImpossibleStrategy) as problem:
            # One container must not hold up all the others; the next start tries it again.
            log.error(  # noqa: TRY400 - the engine's sentence says it, a traceback would not
                "an interrupted swap could not be mended: look at it and restart this program",
                container=scene.name,
                reason=str(problem),
            )
        return None
