"""Proves the containers of a swap, all that are under way together at once."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from listener.deploy.outcomes import Healthy, Outcome, Replaced, Sick
from listener.deploy.progress import ActProgress
from listener.deploy.watch import watch
from listener.drivers.current import removes_itself
from listener.drivers.engine import Engine
from listener.drivers.probes import Probes
from listener.drivers.stage import ReplacedError, parts
from listener.drivers.wayback import WayBack
from listener.model.deployment import Proof
from listener.model.journal import Journal
from listener.model.target import Health

_Tell = Callable[[Proof], None] | None
_One = Callable[[Journal, _Tell], Awaitable[Outcome]]


class Watching:
    """Asks one engine. Raises EngineAway, and ReplacedError where a stranger has the place."""

    def __init__(self, engine: Engine, way_back: WayBack) -> None:
        self._engine = engine
        self._way_back = way_back

    async def new(
        self, journal: Journal, settings: Health, progress: ActProgress | None = None
    ) -> Outcome:
        """The verdict on the new containers: healthy if all are, else that on the first that is
        not.
        """
        return await _together(journal, partial(self._new, settings), progress)

    async def old(self, journal: Journal, progress: ActProgress) -> Outcome:
        """The verdict on the containers that are back, likewise."""
        return await _together(journal, self._old, progress)

    async def last_lines(self, journal: Journal) -> tuple[str, ...]:
        """What the new container of the swap that is announced said last."""
        _, new = parts(journal)
        return await self._way_back.logs(new.id) if new.id else ()

    async def _new(self, settings: Health, journal: Journal, tell: _Tell) -> Outcome:
        if journal.baseline is None:
            raise ValueError("a watch needs its baseline")
        verdict = await watch(
            lambda: self._way_back.inspect_new(journal),
            Probes(self._engine, settings),
            settings,
            journal.baseline,
            removes_itself=removes_itself(journal),
            tell=tell,
        )
        if verdict.kind == "healthy":
            return Healthy(verdict.reason)
        reason = verdict.reason
        if verdict.kind == "exited" and removes_itself(journal):
            began = journal.deployment.started_at or journal.baseline.watch_began
            code = await self._way_back.exit_code(journal.baseline.container_id, began)
            reason += "" if code is None else f", with code {code}"
        return Sick(verdict.kind, reason, await self.last_lines(journal))

    async def _old(self, journal: Journal, tell: _Tell) -> Outcome:
        old, _ = parts(journal)
        settings = journal.target.settings.health
        baseline = await self._way_back.baseline_of_old(journal)
        if old.inspect["State"].get("Restarting"):
            return Healthy("it is back; it restarted over and over before, too")
        if not old.was_healthy:
            # It has to stay up as it did, and not to be better than it was.
            unprobed = dict.fromkeys(("http", "tcp", "exec", "timeout"))
            settings = settings.model_copy(update=unprobed)
        verdict = await watch(
            lambda: self._back(journal),
            Probes(self._engine, settings),
            settings,
            baseline,
            removes_itself=removes_itself(journal),
            tell=tell,
        )
        if verdict.kind != "healthy":
            return Sick(verdict.kind, verdict.reason, await self.last_lines(journal))
        if not old.was_healthy:
            return Healthy("it runs again; it was not known to be healthy before")
        return Healthy(verdict.reason)

    async def _back(self, journal: Journal) -> dict[str, Any] | None:
        """The container that is back; without its health check where that said nothing before."""
        old, _ = parts(journal)
        now = await self._way_back.inspect_old(journal)
        if now is None or old.was_healthy:
            return now
        return now | {"Config": now["Config"] | {"Healthcheck": None}}


async def _together(journal: Journal, one: _One, progress: ActProgress | None) -> Outcome:
    """What came of watching each of the batch at the same time: the last word of those that are
    healthy, or the first one against.
    """
    if len(journal.batch) == 1:
        return await one(journal, progress.proof if progress else None)
    looks = [
        asyncio.ensure_future(_named(journal.of(swap), one, progress)) for swap in journal.batch
    ]
    outcome: Outcome = Healthy("")
    try:
        for look in asyncio.as_completed(looks):
            outcome = await look
            if not isinstance(outcome, Healthy):
                break
        return outcome
    finally:
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


async def _named(journal: Journal, one: _One, progress: ActProgress | None) -> Outcome:
    """What came of watching one of several, with its name where it is not well."""
    name = parts(journal)[0].name
    tell = partial(progress.proof, of=name) if progress else None
    try:
        outcome = await one(journal, tell)
    except ReplacedError as problem:
        return Replaced(str(problem), name)
    return dataclasses.replace(outcome, container=name) if isinstance(outcome, Sick) else outcome
