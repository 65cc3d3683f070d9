"""Waiting for a condition with a deadline, never for a guessed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


class NeverHappened(AssertionError):
    """A condition did not come true in time; the message tells the last value that was seen."""


def wait_for(
    condition: Callable[[], Value | None],
    what: str,
    *,
    timeout: float = 120.0,
    every: float = 0.05,
    forgive: tuple[type[Exception], ...] = (OSError,),
) -> Value:
    """Calls `condition` until its value is true and returns it; raises NeverHappened.

    `timeout` and `every` are seconds. Exceptions in `forgive` count as not yet.
    """
    deadline = time.monotonic() + timeout
    while True:
        last: object
        try:
            value = condition()
            if value:
                return value
            last = value
        except forgive as problem:
            last = problem
        if time.monotonic() > deadline:
            raise NeverHappened(f"{what}: not within {timeout:g} s, last seen: {last!r}")
        time.sleep(every)
