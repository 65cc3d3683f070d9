"""What runs in the helper container: the swap of one container, from a file and without Redis.

The acts and the machine are those of every deployment. The journal is written to the file before
each act, so that a helper that was killed goes on when the engine starts it again.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog

from listener.deploy.acts import Acts
from listener.deploy.machine import advance, begin
from listener.deploy.outcomes import Faulted
from listener.deploy.replace import Parcel
from listener.deploy.route import route
from listener.deploy.runner import Runner
from listener.deploy.wanted import Wanted
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway
from listener.model.base import utc_now
from listener.model.deployment import Deployment
from listener.model.journal import Journal, Phase
from listener.registry import Credentials, Resolver
from listener.telemetry import Metrics

log = structlog.get_logger(__name__)

_RETRY_EVERY = 0.5
# An act that kills its helper each time must not be tried until the engine gives the helper up.
_PATIENCE = 3


class ParcelFile:
    """A parcel in a file: the ledger of a helper."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.parcel = Parcel.model_validate_json(path.read_bytes())

    async def save(self, journal: Journal) -> None:
        """Writes the journal so that a kill leaves the file as it was or as it shall be."""
        self.write(self.parcel.model_copy(update={"journal": journal}))

    async def record(self, deployment: Deployment) -> None:
        """Nobody looks on: progress within an act is not kept."""

    async def journals(self) -> list[Journal]:
        """The one that there is."""
        return [self.parcel.journal]

    def write(self, parcel: Parcel) -> None:
        """Replaces the file."""
        beside = self._path.with_suffix(".new")
        with beside.open("w") as file:
            file.write(parcel.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self.parcel = parcel


async def relieve(path: Path) -> Journal:
    """Does what the file says, to the end; the file and the answer say how it ended."""
    file = ParcelFile(path)
    file.write(file.parcel.model_copy(update={"starts": file.parcel.starts + 1}))
    engine = Engine(file.parcel.engine)
    credentials = Credentials({})
    resolver = Resolver({}, credentials)
    try:
        await _reach(engine)
        acts = Acts(
            engine, credentials, Wanted(engine, resolver, credentials), lambda _: None, _at_once
        )
        runner = Runner(engine, acts, file, Metrics())
        done, _ = await runner.run(_resumed(file.parcel), file.parcel.memory)
        await file.save(done)
    finally:
        await resolver.close()
        await engine.close()
    log.info(
        "the helper has ended",
        deployment=done.deployment.id,
        container=done.old.name if done.old else None,
        state=str(done.deployment.state),
        reason=done.deployment.reason,
    )
    return done


def _resumed(parcel: Parcel) -> Journal:
    """The journal to go on with; the way back where going on killed the helper again and again."""
    journal = parcel.journal
    forward = journal.phase in route(journal) and journal.phase is not Phase.COMMIT
    if parcel.starts <= _PATIENCE or not forward or journal.deployment.state.final:
        return journal
    reason = f"the helper was killed {parcel.starts - 1} times, the last time in {journal.phase}"
    now = utc_now()
    given_up = advance(begin(journal, now), Faulted(reason), now)
    return given_up.model_copy(update={"untaken": True})


async def _reach(engine: Engine) -> None:
    told = False
    while True:
        try:
            return await engine.connect()
        except EngineAway as problem:
            if not told:
                log.warning("waiting for the engine", reason=str(problem))
            told = True
            await asyncio.sleep(_RETRY_EVERY)


async def _at_once(_: Deployment) -> None:
    """A helper has no other deployments to wait for."""
