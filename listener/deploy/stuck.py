"""When a call is given up on which the engine hangs while it answers others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from listener.drivers.errors import EngineAway, EngineStuck

_TRIES = 3
_SECONDS = 100.0
_BETWEEN = 30.0
"""Seconds from one fault to the next beyond those of the call: more, and others went well."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """How often in a row the same call got no answer, since when and when last."""

    call: str = ""
    tries: int = 0
    since: float = 0.0
    last: float = 0.0

    @property
    def hopeless(self) -> bool:
        """Whether it is time to give up: an engine that is only busy would have answered."""
        return self.tries >= _TRIES and self.last - self.since >= _SECONDS

    def after(self, fault: EngineAway) -> Self:
        """With one more fault of the act; an engine that is away is waited for without an end."""
        if not isinstance(fault, EngineStuck):
            return type(self)()
        now, call = time.monotonic(), str(fault)
        if call != self.call or now - self.last > fault.seconds + _BETWEEN:
            return type(self)(call, 1, now, now)
        return type(self)(call, self.tries + 1, self.since, now)
