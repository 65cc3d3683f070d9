"""The calls of very many hosts, made by one connection: what Redis does for them is the same.

For each host and batch of pushes: what is left over is asked for, then the next entries, and they
are acknowledged under the host's lease. What is missing is that the hosts block and are woken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from listener.model.push import Push
from listener.store import Lease, PushLog, Store, keys, scripts
from listener.store.client import Argument

_AT_ONCE = 100


class Chorus:
    """So many hosts on one store."""

    def __init__(self, store: Store, size: int) -> None:
        self._store = store
        self._hosts = [f"h{number:05}" for number in range(size)]

    async def begin(self) -> None:
        """Each has its lease and its group."""
        for host in self._hosts:
            lease = Lease(self._store, f"engine-{host}", host, host, ttl=86400)
            await lease.acquire()
            command = ("XGROUP", "CREATE", keys.PUSHES, keys.group(host), "$", "MKSTREAM")
            await self._store.call(*command)
        self._values = await self._store.pipe(
            [("GET", keys.lease(f"engine-{host}")) for host in self._hosts]
        )
        self._fenced = str(await self._store.call("SCRIPT", "LOAD", scripts.FENCED))

    async def push(self, pushes: Sequence[Push]) -> None:
        """Stores pushes, and lets every host take them."""
        await PushLog(self._store).append([(push, push.id) for push in pushes])
        for at in range(0, len(self._hosts), _AT_ONCE):
            some = list(zip(self._hosts, self._values, strict=True))[at : at + _AT_ONCE]
            reads: list[Sequence[Argument]] = []
            for host, _ in some:
                group = ("XREADGROUP", "GROUP", keys.group(host), "worker", "COUNT", 50)
                reads += [(*group, "STREAMS", keys.PUSHES, start) for start in ("0", ">")]
            answers = (await self._store.pipe(reads))[1::2]
            await self._store.pipe(
                [
                    self._acknowledged(host, str(value), [entry for entry, _ in answer[0][1]])
                    for (host, value), answer in zip(some, answers, strict=True)
                ]
            )
            await asyncio.sleep(0)

    def _acknowledged(self, host: str, value: str, entries: Sequence[str]) -> list[Argument]:
        names = [keys.lease(f"engine-{host}"), keys.fence(f"engine-{host}"), keys.PUSHES]
        commands: list[Argument] = []
        for entry in entries:
            commands += ["XACK", 3, 2, keys.group(host), entry]
        return ["EVALSHA", self._fenced, 3, *names, value, "86400000 1", *commands]
