"""The lease of an engine: at most one worker changes it, and a worker that lost it finds out.

The lease is a key that runs out; the fence is a number that grows with every new holder. Each
write of the holder passes the fence inside the same script, each change of the engine asks
`guard` first.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import datetime

from listener.model.base import Noun, rfc3339, utc_now
from listener.store import keys, scripts
from listener.store.client import Argument, Reply, Store
from listener.store.errors import LeaseLost, Unavailable

TTL = 10.0
RENEW_EVERY = 3.0
MARGIN = 1.0
RETRY_EVERY = 0.5
_LATE = -1
"""The answer to a call that another one of ours has overtaken: it was not done."""


class Holder(Noun):
    """Who holds a lease, and since when."""

    owner: str
    host: str
    fence: int
    since: datetime


class Transaction:
    """Commands that will be done together, or not at all."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.commands: list[Argument] = []

    def add(self, command: str, key: str, *arguments: Argument) -> None:
        """One command on one key; every command used here may be repeated."""
        if key not in self.names:
            self.names.append(key)
        # The script puts the lease and the fence before our keys; Lua counts from 1.
        index = self.names.index(key) + 3
        self.commands += [command, index, len(arguments), *arguments]


class Lease:
    """The right to change one engine.

    `owner` is the instance id of the state directory: a holder with the same id is taken over at
    once, so the caller must hold that directory's lock, which shows that the other one is dead.
    """

    def __init__(
        self, store: Store, engine_id: str, owner: str, host: str, *, ttl: float = TTL
    ) -> None:
        self.engine_id = engine_id
        self.owner = owner
        self.host = host
        self.fence = 0
        self.lost = asyncio.Event()
        self._store = store
        self._ttl = ttl
        self._margin = min(MARGIN, ttl / 4)
        self._value: str | None = None
        self._number = 0
        self._deadline = 0.0

    async def acquire(self) -> bool:
        """Takes the lease; False while another worker holds it."""
        asked = _now()
        await self._store.confirm_master()
        details = json.dumps({"host": self.host, "since": rfc3339(utc_now())})
        reply = await self._store.run(
            scripts.ACQUIRE, self._names(), [self.owner, details, self._ttl_ms(), self.fence]
        )
        if not reply:
            return False
        self.fence, self._value = int(reply[0]), str(reply[1])
        self._deadline = asked + self._ttl
        self.lost.clear()
        return True

    async def keep(self) -> None:
        """Renews until the lease is lost or released; then returns. Run it as a task."""
        pause = min(RENEW_EVERY, self._ttl / 3)
        while not self.lost.is_set() and self._value is not None:
            try:
                await self.write(Transaction())
            except Unavailable:
                await asyncio.sleep(RETRY_EVERY)
            except LeaseLost:
                return
            else:
                await asyncio.sleep(pause)

    async def guard(self) -> None:
        """Returns while the engine may be changed; ask right before each change.

        Raises `LeaseLost` when another worker took the lease. While Redis is away it returns as
        long as nobody can have taken it, and then waits for Redis.
        """
        while True:
            try:
                await self.write(Transaction())
            except Unavailable:
                if self._value is not None and _now() < self._deadline - self._margin:
                    return
                await asyncio.sleep(RETRY_EVERY)
                continue
            # This process may have been stopped after Redis answered: then ask again.
            if _now() < self._deadline - self._margin:
                return

    async def write(self, step: Transaction) -> None:
        """Does a transaction, or nothing, if the lease is ours; renews the lease as well.

        Raises `LeaseLost`, and then nothing was written.
        """
        await self.run(scripts.FENCED, step.names, step.commands)

    async def run(self, script: str, names: Sequence[str], arguments: Sequence[Argument]) -> Reply:
        """What a script that begins with `scripts.HELD` answers; raises as `write`."""
        value = self._value
        if value is None or self.lost.is_set():
            raise LeaseLost(self._lost_sentence())
        done: Reply = _LATE
        while done == _LATE:
            asked = _now()
            # An old master that comes back would renew what another worker has at the new one.
            await self._store.confirm_master()
            self._number += 1
            done = await self._store.run(
                script,
                [*self._names(), *names],
                [value, f"{self._ttl_ms()} {self._number}", *arguments],
            )
        if value != self._value:
            raise LeaseLost(self._lost_sentence())
        if not done:
            self.lost.set()
            raise LeaseLost(self._lost_sentence())
        self._deadline = max(self._deadline, asked + self._ttl)
        return done

    async def release(self) -> None:
        """Gives the lease back, if it is still ours; nothing may be written afterwards."""
        value, self._value = self._value, None
        self._deadline = 0.0
        if value is not None:
            await self._store.run(scripts.RELEASE, self._names()[:1], [value])

    async def holder(self) -> Holder | None:
        """Who holds the lease now; None where nobody does."""
        value = await self._store.call("GET", keys.lease(self.engine_id))
        return None if value is None else read_holder(value)

    def _names(self) -> list[str]:
        return [keys.lease(self.engine_id), keys.fence(self.engine_id)]

    def _ttl_ms(self) -> int:
        return round(self._ttl * 1000)

    def _lost_sentence(self) -> str:
        return f"{self.host} no longer holds the lease of engine {self.engine_id}"


def read_holder(value: str) -> Holder:
    """The holder that a lease names."""
    fence, owner, details = value.partition("\n")[0].split(" ", 2)
    return Holder.model_validate({"fence": fence, "owner": owner, **json.loads(details)})


def _now() -> float:
    """A clock that goes on while the machine sleeps, unlike the monotonic one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
