"""After a long, random life every key is one that is declared here, within its bound."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from functools import partial

import pytest

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.model.notice import notice_of
from listener.model.push import Match
from listener.model.target import Bad, Memory, Pause
from listener.model.view import TargetView
from listener.store import (
    Archive,
    Command,
    Lane,
    Lease,
    Ledger,
    OutboxEntry,
    Part,
    PushAck,
    PushLog,
    Rollouts,
    Store,
    keys,
)

from .conftest import a_deployment, a_host, a_journal, a_push, finished
from .test_incoming import a_delivery

TARGETS = ("web", "db", "mail")
HOSTS = ("h1", "h2")
KEPT = 5

EXPIRES = None
"""In place of a number of entries: the key has a time to live."""

DECLARED: dict[str, tuple[str, int | None]] = {
    "schema": ("string", 1),
    "pushes": ("stream", 50 + 100),  # trimmed by whole nodes of 100
    "deliveries": ("stream", 50 + 100),
    "refused": ("stream", 50 + 100),
    "dedupe:*": ("string", EXPIRES),
    "matches:*": ("hash", EXPIRES),
    "commands:*": ("stream", keys.COMMANDS_CAP),
    "outbox:*": ("hash", 20),
    "lanes:*": ("hash", len(TARGETS)),
    "swaps:*": ("hash", len(TARGETS)),
    "memory:*": ("hash", len(TARGETS)),
    "views:*": ("hash", len(TARGETS)),
    "hosts": ("hash", len(HOSTS)),
    "events": ("stream", 50 + 100),
    "paused": ("hash", len(TARGETS) * len(HOSTS)),
    "history": ("zset", (KEPT + 2) * len(TARGETS) * len(HOSTS)),
    "history:*": ("zset", KEPT + 2),  # two that live in the lane are never dropped
    "deployment:*": ("string", 1),
    "rollout:*": ("hash", EXPIRES),
    "turns:*": ("zset", EXPIRES),
    "rolling:*": ("hash", EXPIRES),
    "lease:*": ("string", EXPIRES),
    "fence:*": ("string", 1),
}

SIZES = {"stream": "XLEN", "hash": "HLEN", "zset": "ZCARD"}


async def check(store: Store) -> set[str]:
    """Answers the declared patterns that it saw."""
    records, seen = set(), set()
    for name in await store.call("KEYS", "*"):
        short = name.removeprefix(keys.PREFIX)
        patterns = [pattern for pattern in DECLARED if fnmatchcase(short, pattern)]
        assert patterns, f"{name} is not declared"
        seen.add(patterns[0])
        kind, bound = DECLARED[patterns[0]]
        assert await store.call("TYPE", name) == kind, name
        if bound is EXPIRES:
            assert await store.call("PTTL", name) > 0, f"{name} never expires"
        else:
            assert await store.call("PTTL", name) == -1, name
            size = await store.call(SIZES[kind], name) if kind in SIZES else 1
            assert size <= bound, f"{name} has {size} entries"
        if short.startswith("deployment:"):
            records.add(short.removeprefix("deployment:"))
    indexed = set(await store.call("ZRANGE", keys.HISTORY, 0, -1))
    of_targets = [
        await store.call("ZRANGE", keys.history(host, target), 0, -1)
        for host in HOSTS
        for target in TARGETS
    ]
    assert records == indexed == {id_ for ids in of_targets for id_ in ids}
    return seen


class Worker:
    """What a worker does with its lanes, at random."""

    def __init__(
        self,
        ledger: Ledger,
        rollouts: Rollouts,
        archive: Archive,
        log: PushLog,
        dice: random.Random,
    ) -> None:
        self.ledger, self.archive, self.log, self.dice = ledger, archive, log, dice
        self.rollouts = rollouts
        self.host = ledger.host

    async def receive(self) -> None:
        pushes = [(a_push(), str(self.dice.random())) for _ in range(3)]
        await self.log.append(pushes, [(a_delivery(), 3), (a_delivery("", 404, "refused"), 0)])

    async def match(self) -> None:
        for entry, push in await self.log.read(self.host, 5, 0.001):
            target = self.dice.choice(TARGETS)
            deployment = a_deployment(target, self.host)
            match = Match(target=target, host=self.host, deployment=deployment.id)
            ack = PushAck(entry_id=entry, push_id=push.id, matches=(match,))
            written, lane = await self._queue(deployment)
            await self.ledger.admit(written, {target: lane}, pushes=[ack] if ack else ())

    async def obey(self) -> None:
        for entry, command in await self.ledger.read_commands(0.001):
            if command.kind == "cancel":
                await self.ledger.admit([], {}, command=entry)
                continue
            written, lane = await self._queue(command.deployment)
            await self.ledger.admit(written, {command.deployment.target: lane}, command=entry)

    async def ask(self) -> None:
        kind = self.dice.choice(("deploy", "rollback", "cancel"))
        deployment = a_deployment(self.dice.choice(TARGETS), self.host)
        command = Command.model_validate({"kind": kind, "deployment": deployment})
        await self.archive.submit(self.host, command)

    async def work(self) -> None:
        for target, lane in (await self.ledger.lanes()).items():
            if lane.running is None:
                await self.ledger.admit([], {target: Lane(running=lane.waiting)})
                continue
            deployment = await self.archive.deployment(lane.running)
            assert deployment is not None, "a live deployment has lost its record"
            journal = a_journal(deployment)
            await self.ledger.save(journal)
            if self.dice.random() < 0.6:
                ended = journal.model_copy(update={"deployment": finished(deployment)})
                await self._finish(ended.deployment, lane)

    async def _finish(self, deployment: Deployment, lane: Lane) -> None:
        bad = Bad(digest="sha256:1", deployment=deployment.id, reason="sick", at=utc_now())
        pause = Pause(reason="look", at=utc_now()) if self.dice.random() < 0.1 else None
        lanes = {deployment.target: Lane(running=lane.waiting)}
        memory = Memory(bad=(bad,))
        await self.ledger.finish(deployment, lanes=lanes, memory=memory, pause=pause)

    async def roll(self) -> None:
        target = self.dice.choice(TARGETS)
        part = Part("web:1", self.dice.choice(("sha256:1", "sha256:2")), target, self.host)
        members = await self.rollouts.members("web:1")
        await self.rollouts.turn(part, "d", members=members)
        if self.dice.random() < 0.3:
            return  # killed in its turn
        await self.dice.choice((self.rollouts.out, partial(self.rollouts.done, before=None)))(part)
        if self.dice.random() < 0.1:
            await self.rollouts.stop(part, "no", for_good=False, back=True)
            stop = await self.rollouts.stopped(part)
            for member in stop.done if stop else ():
                name, _, host = member.rpartition("@")
                command = Command(kind="rollback", deployment=a_deployment(name, host))
                await self.rollouts.send_back(part, command)

    async def show(self) -> None:
        views = [
            TargetView(
                name=name, host=self.host, driver="container", image="docker.io/x", rollout="web:1"
            )
            for name in TARGETS
        ]
        await self.ledger.publish(views, a_host(self.host))

    async def _queue(self, deployment: Deployment) -> tuple[list[Deployment], Lane]:
        lane = (await self.ledger.lanes()).get(deployment.target, Lane())
        overtaken = await self.archive.deployment(lane.waiting) if lane.waiting else None
        written = [finished(overtaken, State.SUPERSEDED)] if overtaken else []
        return [*written, deployment], Lane(running=lane.running, waiting=deployment.id)


def told(deployment: Deployment) -> list[OutboxEntry]:
    """Two are told of everything, and nobody ever carries it to them."""
    notice = notice_of(deployment, utc_now())
    return [OutboxEntry(notifier=key, notice=notice) for key in ("a", "b")]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_keyspace_stays_within_bounds(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for cap in ("PUSHES_CAP", "DELIVERIES_CAP", "REFUSED_CAP", "EVENTS_CAP"):
        monkeypatch.setattr(keys, cap, 50)
    monkeypatch.setattr(keys, "OUTBOX_CAP", 20)
    dice = random.Random(seed)
    archive, log = Archive(store), PushLog(store)
    workers = []
    for host in HOSTS:
        lease = Lease(store, f"engine-{host}", f"owner-{host}", host)
        assert await lease.acquire()
        ledger = Ledger(store, lease, host, history=KEPT)
        ledger.notices = told
        workers.append(Worker(ledger, Rollouts(store, lease), archive, log, dice))
    names = ("receive", "roll", "match", "match", "obey", "ask", "work", "work", "work", "show")
    seen: set[str] = set()
    for turn in range(300):
        await getattr(dice.choice(workers), dice.choice(names))()
        if turn % 50 == 49:
            seen |= await check(store)
    assert seen == set(DECLARED), "the walk missed a kind of key"
