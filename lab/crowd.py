"""Many targets with a past, written as their worker would, without an engine."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Step, Trigger, new_deployment_id
from listener.model.target import Good, Memory
from listener.model.view import HostView, LastDeployment, TargetView
from listener.store import Archive, Lease, Ledger, Store, connect

_STEPS = (
    ("resolve", 0.2), ("plan", 0.1), ("pull", 4.0), ("tag", 0.02), ("create", 0.2),
    ("cutover", 0.6), ("disarm", 0.05), ("watch", 11.0), ("commit", 0.2),
)  # fmt: skip
_BATCH = 50
_APART = timedelta(minutes=37)


class Crowd:
    """`count` targets on one host, each with `past` deployments, the newest a few minutes old."""

    def __init__(self, url: str, *, count: int, past: int, host: str = "docker-1") -> None:
        self.url = url
        self.host = host
        self.names = [f"app-{number:03}" for number in range(count)]
        self._past = past
        self._engine = secrets.token_hex(4)

    async def settle(self) -> None:
        """Writes all of them."""
        store = await connect(self.url)
        try:
            ledger = await self.ledger(store)
            records = list(self._records())
            for start in range(0, len(records), _BATCH):
                await ledger.admit(records[start : start + _BATCH], {})
            newest = {record.target: record for record in records}
            for name, record in newest.items():
                await ledger.remember(name, Memory(good=(_good(record),)))
            await self._publish(ledger, [_view(record) for record in newest.values()])
        finally:
            await store.close()

    async def ledger(self, store: Store) -> Ledger:
        """The ledger of the host, whose lease lasts for an hour."""
        lease = Lease(store, self._engine, "crowd", self.host, ttl=3600)
        assert await lease.acquire()
        return Ledger(store, lease, self.host)

    async def seen(self, store: Store, ledger: Ledger) -> None:
        """Says once more that the host lives, and that all targets are as they were."""
        await self._publish(ledger, await Archive(store).targets())

    async def _publish(self, ledger: Ledger, views: list[TargetView]) -> None:
        seen = HostView(
            name=self.host, engine_id=self._engine, engine_version="28.0.1", last_seen=utc_now()
        )
        await ledger.publish(views, seen)

    def _records(self) -> Iterator[Deployment]:
        now = utc_now()
        for turn in range(self._past, 0, -1):
            for number, name in enumerate(self.names):
                began = now - turn * _APART + timedelta(seconds=5 * number)
                yield _record(name, self.host, began, self._past - turn, number)


def _record(name: str, host: str, began: datetime, turn: int, number: int) -> Deployment:
    steps, moment = [], began
    for step, took in _STEPS:
        ended = moment + timedelta(seconds=took)
        steps.append(Step(name=step, started_at=moment, finished_at=ended))
        moment = ended
    state, reason = _outcome(turn, number)
    return Deployment(
        id=new_deployment_id(began),
        target=name,
        host=host,
        trigger=Trigger.PUSH,
        image=f"registry.example.com/team/{name}",
        tag=f"v{turn + 1}",
        from_digest=_digest(name, turn - 1),
        to_digest=_digest(name, turn),
        state=state,
        reason=reason,
        queued_at=began,
        started_at=began,
        finished_at=moment,
        gap_seconds=0.38,
        steps=tuple(steps),
    )


def _outcome(turn: int, number: int) -> tuple[State, str]:
    """Now and then something goes wrong, the same in every run."""
    dice = (7 * turn + 11 * number) % 40
    if dice == 3:
        return State.ROLLED_BACK, "unhealthy after 12.0 s: last probe said no connection"
    if dice == 9:
        return State.FAILED, "the registry denies the pull"
    if dice in (14, 15):
        return State.SKIPPED, "it runs already"
    return State.SUCCEEDED, "healthy since 10.0 s"


def _view(record: Deployment) -> TargetView:
    return TargetView(
        name=record.target,
        host=record.host,
        driver="container",
        image=record.image,
        tag=record.tag,
        digest=record.to_digest,
        last_good_digest=record.to_digest,
        since=record.finished_at,
        health="healthy",
        last_deployment=LastDeployment(
            id=record.id,
            state=record.state,
            reason=record.reason,
            finished_at=record.finished_at,
        ),
    )


def _good(record: Deployment) -> Good:
    return Good(
        digest=record.to_digest or "", tag=record.tag, deployment=record.id, at=record.queued_at
    )


def _digest(name: str, turn: int) -> str:
    return f"sha256:{hashlib.sha256(f'{name} {turn}'.encode()).hexdigest()}"
