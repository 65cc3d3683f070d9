"""Requests that arrive together are stored together: one call to the store for all that wait.

A lone request is stored at once. While a call is under way, what arrives waits for it and then
shares the next one, so under load the cost of a call is divided among many and a slow store is
asked once at a time instead of a hundred times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from listener.model.delivery import Delivery
from listener.model.push import Push

STORE_TIMEOUT = 2.0
"""Seconds that one call may take; registries hang up soon after."""
_FULL = 200

Pushes = Sequence[tuple[Push, str]]
Stored = list[tuple[str, bool]]


class PushLog(Protocol):
    """Where pushes and deliveries are stored so that a crash loses none."""

    async def append(self, pushes: Pushes, deliveries: Sequence[tuple[Delivery, int]]) -> Stored:
        """Stores pushes with their dedupe keys; the id of each, and whether it was there before.

        With each delivery comes how many of the pushes it brought, in the same order. Raises
        `listener.store.Unavailable`.
        """


class _Waiting(NamedTuple):
    pushes: Pushes
    delivery: Delivery
    answer: asyncio.Future[Stored]


class Batches:
    """Appends to a push log, in as few calls as there is time for."""

    def __init__(self, push_log: PushLog) -> None:
        self._push_log = push_log
        self._waiting: list[_Waiting] = []
        self._storing: asyncio.Task[None] | None = None

    async def append(self, pushes: Pushes, delivery: Delivery) -> Stored:
        """As `PushLog.append`, and raises TimeoutError: then it may be stored or not."""
        answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(pushes, delivery, answer))
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_all())
        return await answer

    async def _store_all(self) -> None:
        try:
            while batch := self._next():
                await self._store(batch)
        finally:
            self._storing = None

    def _next(self) -> list[_Waiting]:
        """The requests of the next call; those that gave up meanwhile are dropped."""
        waiting = [one for one in self._waiting if not one.answer.done()]
        count, size = 0, 0
        while count < len(waiting) and size < _FULL:
            size += max(1, len(waiting[count].pushes))
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    async def _store(self, batch: list[_Waiting]) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                stored = await self._push_log.append(
                    [push for one in batch for push in one.pushes],
                    [(one.delivery, len(one.pushes)) for one in batch],
                )
        except Exception as problem:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(problem)
            return
        start = 0
        for one in batch:
            end = start + len(one.pushes)
            if not one.answer.done():
                one.answer.set_result(stored[start:end])
            start = end
