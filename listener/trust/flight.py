"""One run of a piece of work for all who want its outcome at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Work by key, done once at a time for each; `len` is how much of it is being done."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of the work that is being done for this key, begun now if there is none.

        Raises what the work raises. Who is cancelled leaves the work to the others.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(work())
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    def _landed(self, key: str, done: asyncio.Task[T]) -> None:
        del self._flights[key]
        if not done.cancelled():
            # Where everybody who waited is gone, nobody else looks at it, and asyncio complains.
            done.exception()
