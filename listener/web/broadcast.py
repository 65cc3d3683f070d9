"""One reader of the log of changes for all who listen: each message is looked up and written once.

It reads while somebody listens, and not at all otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from listener.store import Change, Changes, Place, Unavailable
from listener.web.tidings import Tidings, message

_BLOCK = 3.0
# What happens within this time is told together, and once for each thing.
_GATHER = 0.1
# Who has missed more than this reloads for less than the telling would cost.
_FLOOD = 500
_AFTER_FLOOD = 2.0
_RETRY_EVERY = 0.5
_BEHIND = 200
"""Batches that wait for one listener; a slower one is cut off, and comes back to where it was."""


class Ear:
    """What waits for one listener."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BEHIND)

    def hear(self, batch: bytes) -> bool:
        """Takes a batch; False where too many wait already."""
        if self._queue.full():
            return False
        self._queue.put_nowait(batch)
        return True

    def end(self) -> None:
        """Nothing more follows, and what still waits is dropped."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self) -> bytes | None:
        """The next batch; None at the end."""
        return await self._queue.get()


class Broadcast:
    """Tells everybody who joined of every change."""

    def __init__(self, changes: Changes, tidings: Tidings) -> None:
        self._changes = changes
        self._tidings = tidings
        self._ears: set[Ear] = set()
        self._reader: asyncio.Task[None] | None = None
        self._joining = asyncio.Lock()
        self._place = Place((0, 0), (0, 0))
        self._doubtful = False

    def __len__(self) -> int:
        return len(self._ears)

    async def join(self, since: Place | None) -> tuple[Ear, bytes]:
        """Hears all that follows; with it comes what to tell first, to whom was away `since` then.

        Raises `Unavailable`.
        """
        ear = Ear()
        async with self._joining:
            idle = self._reader is None or self._reader.done()
            if idle:
                self._place, self._doubtful = await self._changes.now(), False
            place = self._place
            self._ears.add(ear)
            if idle:
                self._reader = asyncio.create_task(self._read(), name="events")
        try:
            return ear, await self._first(since, place)
        except BaseException:
            self.leave(ear)
            raise

    def leave(self, ear: Ear) -> None:
        """Hears nothing more."""
        self._ears.discard(ear)

    async def close(self) -> None:
        """Ends all streams and the reader."""
        for ear in self._ears:
            ear.end()
        self._ears.clear()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _first(self, since: Place | None, place: Place) -> bytes:
        ready = message("ready", {}, str(place))
        if since is None:
            return ready
        if since == place:
            return ready
        if not await self._changes.holds(since):
            return _reset("what happened since then is no longer kept", place)
        missed, _, many = await self._changes.after(since, count=_FLOOD)
        if many:
            return _reset("too much happened since then", place)
        return b"".join(await self._tidings.of(missed)) + ready

    async def _read(self) -> None:
        while self._ears:
            try:
                await self._read_on()
            except Unavailable:
                self._doubtful = True
                await asyncio.sleep(_RETRY_EVERY)

    async def _read_on(self) -> None:
        # After silence too: a Redis that came back at once, without its data, is no fault to us.
        if self._doubtful and not await self._changes.holds(self._place):
            await self._skip("Redis has other data now")
        changes, place, many = await self._changes.after(self._place, count=_FLOOD, block=_BLOCK)
        self._doubtful = not changes
        if many:
            await self._skip("too much happened at once")
            await asyncio.sleep(_AFTER_FLOOD)
        elif changes:
            await self._tell(changes, place)
            await asyncio.sleep(_GATHER)

    async def _skip(self, reason: str) -> None:
        self._place = await self._changes.now()
        self._send(_reset(reason, self._place))

    async def _tell(self, changes: Sequence[Change], place: Place) -> None:
        told = await self._tidings.of(changes)
        self._place = place
        # The id comes with the last: who has a part of them only gets all of them again.
        if told:
            self._send(b"".join((*told[:-1], f"id: {place}\n".encode(), told[-1])))

    def _send(self, batch: bytes) -> None:
        for ear in [ear for ear in self._ears if not ear.hear(batch)]:
            self._ears.discard(ear)
            ear.end()


def _reset(reason: str, place: Place) -> bytes:
    return message("reset", {"reason": reason}, str(place))
