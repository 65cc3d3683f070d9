"""What comes in for a host: pushes from their stream, and what people order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from listener.model.target import Target
from listener.store import Command, Ledger, PushLog
from listener.worker.admission import Admission, untold
from listener.worker.reconcile import Reconcile

_BLOCK = 3.0
_BATCH = 100
# In a flood of pushes the engine is not asked for its containers for each one. Its events say when
# there are others; this is for those that are lost.
_STALE = 2.0
_SIP = 0.05


class Inbox:
    """Reads on and on; both methods raise `Unavailable` and EngineAway, and may be called again.

    `targets` lists what is there now, also what a swap hides: what is asked for one then is for it.
    `queued` is called where something waits that did not before.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it stands between
        self,
        pushes: PushLog,
        ledger: Ledger,
        admission: Admission,
        reconcile: Reconcile,
        targets: Callable[[], Awaitable[list[Target]]],
        queued: Callable[[], None],
    ) -> None:
        self._pushes = pushes
        self._ledger = ledger
        self._admission = admission
        self._reconcile = reconcile
        self._targets = targets
        self._queued = queued
        self._commands: list[tuple[str, Command]] = []
        self._listed: list[Target] = []
        self._listed_at = -_STALE
        self._read_at = -_STALE

    def stale(self) -> None:
        """The containers are no longer as they were listed."""
        self._listed_at = -_STALE

    async def read_pushes(self) -> None:
        """Admits the next pushes; waits for some."""
        entries = await self._pushes.read(self._ledger.host, _BATCH, _BLOCK)
        if not entries:
            return
        now = asyncio.get_running_loop().time()
        if now - self._listed_at > _STALE:
            # What changes while they are listed makes the list stale again.
            self._listed_at = now
            try:
                self._listed = await self._targets()
            except BaseException:
                self.stale()
                raise
        if await self._admission.pushes(entries, self._listed):
            self._queued()
        for target, push in untold(entries, self._listed):
            self._reconcile.suspect(target.name, push)
        if len(entries) > 1 or now - self._read_at < 2 * _SIP:
            # A flood is taken in larger sips; a lone push never waits here.
            await asyncio.sleep(_SIP)
        self._read_at = now

    async def read_commands(self) -> None:
        """Does the next orders; waits for some."""
        # Each is read once: one that met an engine or a Redis that was away is still in hand.
        self._commands = self._commands or await self._ledger.read_commands(_BLOCK)
        if not self._commands:
            return
        targets = await self._targets()
        while self._commands:
            await self._admission.command(*self._commands[0], targets)
            del self._commands[0]
        self._queued()
