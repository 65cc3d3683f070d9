"""How long something goes on that may have begun before this process did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic

from listener.model.base import utc_now


def elapsed_since(began: datetime) -> Callable[[], float]:
    """Tells the seconds since then, at each call anew.

    The wall's clock is asked once: it jumps where a machine wakes up or is told the time.
    """
    before = max(0.0, (utc_now() - began).total_seconds())
    here = monotonic()
    return lambda: before + monotonic() - here
