"""The ledger of a host: all that its worker writes, each time in one fenced step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import structlog
from pydantic import ValidationError

from listener.model.base import Noun
from listener.model.deployment import Deployment
from listener.model.journal import Journal
from listener.model.push import Match
from listener.model.target import Memory, Pause
from listener.model.view import HostView, TargetView
from listener.store import changes, keys
from listener.store.client import LONGEST_BLOCK, Reply, Store
from listener.store.lanes import Lane, read_lanes
from listener.store.lease import Lease, Transaction
from listener.store.outbox import OutboxEntry, read_outbox, surplus
from listener.store.published import Published
from listener.store.pushes import dump_matches

log = structlog.get_logger(__name__)


class PushAck(Noun):
    """Acknowledges a push that was read: its entry, its id, and what each target made of it."""

    entry_id: str
    push_id: str
    matches: tuple[Match, ...] = ()


class Command(Noun):
    """What a person asks of a worker.

    `deployment` is the new one for deploy and rollback, the existing one else. `digest` is
    the digest to go back to, where one was named.
    """

    kind: Literal["deploy", "rollback", "cancel", "approve"]
    deployment: Deployment
    digest: str | None = None


class Ledger:
    """What the worker of one host knows and does, in Redis.

    Writing methods raise `LeaseLost` (nothing was written) and `Unavailable` (repeat the call).
    `history` is how many deployments are kept for each target, `push_age` how many seconds the
    matches of a push are. `notices` says who is to be told of a deployment that came further.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        host: str,
        *,
        history: int = keys.HISTORY_CAP,
        push_age: float = keys.PUSHES_SECONDS,
    ) -> None:
        self.host = host
        self._store = store
        self._lease = lease
        self._history = history
        self._push_age = push_age
        self.notices: Callable[[Deployment], Sequence[OutboxEntry]] = lambda _: ()
        self._last_command = "0"
        self._published = Published(host, lease)

    async def lanes(self) -> dict[str, Lane]:
        """The lanes that hold something, by target."""
        return await read_lanes(self._store, self.host)

    async def journals(self) -> list[Journal]:
        """The journals of all deployments that were running: after a start, those to go on with."""
        fields = await self._store.call("HVALS", keys.swaps(self.host))
        return [Journal.model_validate_json(text) for text in fields]

    async def memory(self, target: str) -> Memory:
        """What is known of a target; empty where nothing is."""
        text = await self._store.call("HGET", keys.memory(self.host), target)
        return Memory.model_validate_json(text) if text else Memory()

    async def admit(
        self,
        deployments: Sequence[Deployment],
        lanes: Mapping[str, Lane],
        *,
        pushes: Sequence[PushAck] = (),
        command: str | None = None,
    ) -> None:
        """Writes records and lanes, and acknowledges the pushes or command that led to them."""
        step = Transaction()
        self._lanes(step, lanes)
        for deployment in deployments:
            self._record(step, deployment)
            if deployment.state.final:
                await self._tell(step, deployment)
        for push in pushes:
            if push.matches:
                matches = keys.matches(push.push_id)
                step.add("HSET", matches, self.host, dump_matches(push.matches))
                step.add("EXPIRE", matches, round(self._push_age))
                self._changed(step, "push", push.entry_id)
            step.add("XACK", keys.PUSHES, keys.group(self.host), push.entry_id)
        if command is not None:
            step.add("XDEL", keys.commands(self.host), command)
        await self._cap(step, deployments, lanes)
        await self._commit(step)

    async def save(self, journal: Journal) -> None:
        """Writes the journal and the record of its deployment; call it before the act."""
        step = Transaction()
        step.add("HSET", keys.swaps(self.host), journal.target.name, journal.model_dump_json())
        self._record(step, journal.deployment)
        await self._tell(step, journal.deployment)
        await self._commit(step)

    async def record(self, deployment: Deployment) -> None:
        """Writes the record alone: progress that a restart need not know."""
        step = Transaction()
        self._record(step, deployment)
        await self._commit(step)

    async def hold(self, deployment: Deployment) -> None:
        """Writes the record of a deployment that has just begun to wait for something."""
        step = Transaction()
        self._record(step, deployment)
        await self._tell(step, deployment)
        await self._commit(step)

    async def finish(
        self,
        finished: Journal | Deployment,
        *,
        lanes: Mapping[str, Lane],
        memory: Memory | None = None,
        pause: Pause | None = None,
    ) -> None:
        """Ends a deployment: its final record, its target's lane, memory and pause; its
        journal goes, and what exceeds the history with it.
        """
        deployment = finished.deployment if isinstance(finished, Journal) else finished
        step = Transaction()
        self._record(step, deployment)
        await self._tell(step, deployment)
        self._lanes(step, lanes)
        if await self._journal_of(deployment.target) == deployment.id:
            step.add("HDEL", keys.swaps(self.host), deployment.target)
        if memory is not None:
            self._memory(step, deployment.target, memory)
        if pause is not None:
            field = keys.paused(self.host, deployment.target)
            step.add("HSET", keys.PAUSED, field, pause.model_dump_json())
            self._changed(step, "target", deployment.target)
        await self._cap(step, [deployment], lanes)
        await self._commit(step)

    async def remember(self, target: str, memory: Memory) -> None:
        """Writes what is known of a target, outside of a deployment."""
        step = Transaction()
        self._memory(step, target, memory)
        await self._commit(step)

    async def publish(self, views: Iterable[TargetView], host_view: HostView) -> None:
        """Replaces what the API shows of this host and its targets, and says which of them take
        part in a rollout.
        """
        await self._published.write(views, host_view)

    async def outbox(self) -> list[OutboxEntry]:
        """The notices that were not sent yet, oldest first."""
        return await read_outbox(self._store, self.host)

    async def struck_off(self, entries: Sequence[OutboxEntry]) -> None:
        """Takes notices that were sent from the outbox."""
        step = Transaction()
        step.add("HDEL", keys.outbox(self.host), *(entry.field for entry in entries))
        await self._commit(step)

    async def read_commands(self, block: float, count: int = 20) -> list[tuple[str, Command]]:
        """The next commands as (entry id, command); each comes once until a restart, and again
        after it unless `admit` acknowledged it. Waits up to `block` seconds (at most 3).
        """
        wait = max(1, round(min(block, LONGEST_BLOCK) * 1000))
        answer = await self._store.call(
            *("XREAD", "COUNT", count, "BLOCK", wait),
            *("STREAMS", keys.commands(self.host), self._last_command),
        )
        found: list[tuple[str, Command]] = []
        for entry_id, fields in answer[0][1] if answer else []:
            command = _command(fields)
            if command is None:
                log.warning("command dropped: not understood", entry=entry_id, host=self.host)
                await self.admit((), {}, command=entry_id)
            else:
                found.append((entry_id, command))
        if answer:
            self._last_command = answer[0][1][-1][0]
        return found

    async def _journal_of(self, target: str) -> str | None:
        """Whose journal is kept for a target: a waiting deployment must not end a running one's."""
        text = await self._store.call("HGET", keys.swaps(self.host), target)
        return Journal.model_validate_json(text).deployment.id if text else None

    def _record(self, step: Transaction, deployment: Deployment) -> None:
        step.add("SET", keys.deployment(deployment.id), deployment.model_dump_json())
        step.add("ZADD", keys.HISTORY, 0, deployment.id)
        step.add("ZADD", keys.history(self.host, deployment.target), 0, deployment.id)
        self._changed(step, "deployment", deployment.id)

    async def _tell(self, step: Transaction, deployment: Deployment) -> None:
        entries = self.notices(deployment)
        outbox = keys.outbox(self.host)
        if entries:
            for old in await surplus(self._store, self.host, entries):
                step.add("HDEL", outbox, old)
        for entry in entries:
            step.add("HSET", outbox, entry.field, entry.model_dump_json())

    def _changed(self, step: Transaction, kind: changes.Kind, name: str) -> None:
        host = self.host if kind == "target" else ""
        step.add("XADD", keys.EVENTS, *changes.entry(kind, name, host))

    def _lanes(self, step: Transaction, lanes: Mapping[str, Lane]) -> None:
        for target, lane in lanes.items():
            if lane == Lane():
                step.add("HDEL", keys.lanes(self.host), target)
            else:
                step.add("HSET", keys.lanes(self.host), target, lane.model_dump_json())

    def _memory(self, step: Transaction, target: str, memory: Memory) -> None:
        step.add("HSET", keys.memory(self.host), target, memory.model_dump_json())

    async def _cap(
        self, step: Transaction, written: Sequence[Deployment], lanes: Mapping[str, Lane]
    ) -> None:
        """Adds the removal of what exceeds the history. Reads first: nobody else removes."""
        targets = {deployment.target for deployment in written}
        if not targets:
            return
        current = {**await self.lanes(), **lanes}
        live = {id_ for lane in current.values() for id_ in (lane.running, lane.waiting)}
        for target in targets:
            index = keys.history(self.host, target)
            new = [deployment.id for deployment in written if deployment.target == target]
            ids = sorted({*await self._store.call("ZRANGE", index, 0, -1), *new})
            for old in ids[: max(0, len(ids) - self._history)]:
                if old not in live:
                    step.add("ZREM", index, old)
                    step.add("ZREM", keys.HISTORY, old)
                    step.add("DEL", keys.deployment(old))

    async def _commit(self, step: Transaction) -> None:
        await self._lease.write(step)


def _command(fields: Reply) -> Command | None:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        return Command.model_validate_json(values.get("command", ""))
    except ValidationError:
        return None
