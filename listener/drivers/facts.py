"""What a target's containers run: their image as its user spells it, its id and its digests."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineStuck, NotFound
from listener.drivers.images import digests_of

_STUCK_FOR = 60.0
"""Seconds after which a container is asked for again where the engine hangs on it."""
_TRIES = 3
"""So often in a row it has to be late: an engine that is only busy is waited for."""


class Facts:
    """Asks one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._late: dict[str, int] = {}
        self._stuck: dict[str, tuple[float, EngineStuck]] = {}

    async def of(self, own: Sequence[Mapping[str, Any]]) -> tuple[str, str, tuple[str, ...]]:
        """Spelling, image id and digests of these containers, as the engine lists them; a service
        of which two run has neither of the last both.

        Raises EngineAway, EngineStuck where it hangs on one of them, and EngineError.
        """
        self._stuck = {of: one for of, one in self._stuck.items() if one[0] > time.monotonic()}
        spelling, image_id, digests = await self._of_one(own[0]["Id"])
        for other in own[1:]:
            # One that is scaled away this moment is none to wait for.
            with suppress(NotFound):
                if (await self._of_one(other["Id"]))[:2] != (spelling, image_id):
                    return spelling, "", ()
        return spelling, image_id, digests

    async def _of_one(self, container: str) -> tuple[str, str, tuple[str, ...]]:
        """The list shows an id where the tag has moved on."""
        if container in self._stuck:
            raise self._stuck[container][1]
        try:
            inspect = await self._engine.inspect_container(container)
        except EngineStuck as problem:
            late = self._late[container] = self._late.get(container, 0) + 1
            if late < _TRIES:
                raise EngineAway(str(problem)) from problem
            self._stuck[container] = time.monotonic() + _STUCK_FOR, problem
            raise
        self._late.pop(container, None)
        try:
            image = await self._engine.inspect_image(inspect["Image"])
        except NotFound:
            image = {"Id": inspect["Image"]}
        return inspect["Config"]["Image"], inspect["Image"], tuple(digests_of(image, inspect))
