"""The act that replaces this program's own container: it hands the swap over to a helper.

Before the helper's swap this is the old container's process, after it the new one's, or the old
one's again. All of them perform the same act: they wait for the helper and go on from where it
ended, or judge by which container they are themselves.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError

from listener.deploy.outcomes import Helped
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.helper import Helper, deployment_of
from listener.drivers.names import parked_name, parse_parked
from listener.drivers.own import own_container
from listener.drivers.stage import ReplacedError, before, name_of, parts
from listener.model.base import Noun
from listener.model.deployment import Deployment
from listener.model.journal import Journal, Phase
from listener.model.target import Memory

_LOOK_EVERY = 0.5
_AT_WORK = frozenset({"running", "restarting", "paused"})

Quiet = Callable[[Deployment], Awaitable[None]]
"""Returns once no other deployment runs, and lets none begin until this one ends."""


class Parcel(Noun):
    """What a helper is given, and keeps: the engine's address and its journal.

    `starts` counts how often it was started.
    """

    engine: str
    journal: Journal
    memory: Memory
    starts: int = 0


class Replacing:
    """Performs the act; may be repeated. Raises EngineAway."""

    def __init__(self, engine: Engine, quiet: Quiet) -> None:
        self._engine = engine
        self._quiet = quiet

    async def replace(self, journal: Journal, memory: Memory) -> Helped:
        """Lets the helper do its work, and answers with the journal to go on with.

        Raises CannotSwapError where no helper could begin, ReplacedError where someone else put
        another container in the place of this one.
        """
        await self._quiet(journal.deployment)
        old, _ = parts(journal)
        own = self._helper(journal)
        while True:
            helper = await own.there()
            if helper is None:
                if await self._begun(journal) or not await self._is_old(journal):
                    return await self._judge(journal, None, "the helper container was removed")
                entrypoint = (sys.executable, "-m", "listener")
                await own.create(before(old), journal.deployment.id, entrypoint)
                continue
            status = helper["State"].get("Status")
            if deployment_of(helper) != journal.deployment.id:
                await _clear(own, helper)
            elif status == "created":
                await own.begin(before(old), self._parcel(journal, memory))
            elif status in _AT_WORK:
                await asyncio.sleep(_LOOK_EVERY)
            else:
                return await self._ended(journal, helper)

    async def dismiss(self, journal: Journal) -> None:
        """Removes the helper of this deployment."""
        own = self._helper(journal)
        helper = await own.there()
        if helper is not None and deployment_of(helper) == journal.deployment.id:
            await own.remove()

    def _helper(self, journal: Journal) -> Helper:
        old, _ = parts(journal)
        return Helper(self._engine, old.name)

    def _parcel(self, journal: Journal, memory: Memory) -> bytes:
        # For the helper the container is one like any other.
        target = journal.target.model_copy(update={"own": False})
        work = journal.model_copy(update={"target": target, "phase": Phase.CREATE})
        parcel = Parcel(engine=self._engine.url, journal=work, memory=memory)
        return parcel.model_dump_json().encode()

    async def _ended(self, journal: Journal, helper: dict[str, Any]) -> Helped:
        told = await _told(self._helper(journal))
        if told is not None and told.deployment.state.final:
            return Helped(told)
        code = helper["State"].get("ExitCode")
        return await self._judge(journal, told, f"the helper container ended with code {code}")

    async def _judge(self, journal: Journal, told: Journal | None, lost: str) -> Helped:
        """Goes on without the helper's end: whoever runs this is the one that stays."""
        old, new = parts(journal)
        so_far = told or journal
        here = await self._here(journal)
        if here["Id"] == old.id:
            verdict = so_far.verdict or f"{lost} in the middle of its work"
            facts = {"verdict": verdict, "untaken": so_far.verdict is None}
            return Helped(so_far.model_copy(update={"phase": Phase.REVERT, **facts}))
        if here["Image"] == new.image_id:
            return Helped(so_far.model_copy(update={"phase": Phase.COMMIT, "verdict": None}))
        raise ReplacedError(f"someone else created {old.name} again meanwhile")

    async def _here(self, journal: Journal) -> dict[str, Any]:
        """The container that this process runs in."""
        old, _ = parts(journal)
        try:
            return await self._engine.inspect_container(own_container() or old.name)
        except NotFound:
            raise ReplacedError(f"there is no container {old.name} any more") from None

    async def _is_old(self, journal: Journal) -> bool:
        old, _ = parts(journal)
        return bool((await self._here(journal))["Id"] == old.id)

    async def _begun(self, journal: Journal) -> bool:
        """Whether a helper that is gone left anything of this swap."""
        old, _ = parts(journal)
        names = {
            parked_name(old.name, role, journal.deployment.id) for role in ("new", "old", "bad")
        }
        listed = await self._engine.list_containers(all=True)
        return any(name[1:] in names for one in listed for name in one.get("Names") or ())


async def _clear(own: Helper, helper: dict[str, Any]) -> None:
    """Removes the helper of another deployment that ended without having been removed."""
    deployment = deployment_of(helper)
    if deployment is None:
        raise CannotSwapError(f"another container has the name {own.name}")
    if helper["State"].get("Status") in _AT_WORK:
        raise CannotSwapError(f"{own.name} is at work already, for deployment {deployment}")
    await own.remove()


async def _told(own: Helper) -> Journal | None:
    parcel = await own.parcel()
    try:
        return Parcel.model_validate_json(parcel).journal if parcel else None
    except ValidationError:
        return None  # another version wrote it: what runs decides


async def left_behind(engine: Engine) -> Journal | None:
    """The journal of this container's replacement from its helper, where no other one is left."""
    own = own_container()
    if not own:
        return None
    try:
        here = await engine.inspect_container(own)
    except NotFound:
        return None
    parked = parse_parked(name_of(here))
    told = await _told(Helper(engine, parked.name if parked else name_of(here)))
    if told is None:
        return None
    old, new = parts(told)
    if here["Id"] != old.id and here["Image"] != new.image_id:
        return None  # it works for another listener
    target = told.target.model_copy(update={"own": True})
    return told.model_copy(update={"target": target, "phase": Phase.REPLACE})
