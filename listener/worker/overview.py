"""What the worker publishes: its targets as they are, and that it lives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import structlog

from listener.drivers.engine import Engine
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.model.target import Memory, Pause, Target
from listener.model.view import HostView, LastDeployment, TargetView
from listener.store import Archive, Ledger
from listener.telemetry import Metrics
from listener.worker.lanes import Lanes

log = structlog.get_logger(__name__)

# Seconds: what is shown already is written again only to say that this host lives.
_SEEN_EVERY = 5.0
_FAILURES = (State.FAILED, State.ROLLED_BACK, State.ROLLBACK_FAILED)
_COUNTED = (*_FAILURES, State.SUCCEEDED)
_Word = Literal["idle", "deploying", "waiting", "paused", "invalid"]


class _Seen(NamedTuple):
    """All that the view of a target is made of."""

    target: Target
    memory: Memory
    last: Deployment | None
    pause: Pause | None
    held: str | None
    state: _Word


class Overview:
    """Remembers what the views need beyond the engine: memories and last deployments."""

    def __init__(  # noqa: PLR0913, PLR0917 - where it looks and whom it tells
        self,
        host: str,
        ledger: Ledger,
        archive: Archive,
        lanes: Lanes,
        metrics: Metrics,
        published: Callable[[], None],
    ) -> None:
        self._host = host
        self._ledger = ledger
        self._archive = archive
        self._lanes = lanes
        self._metrics = metrics
        self._published = published
        self._memories: dict[str, Memory] = {}
        self._last: dict[str, Deployment | None] = {}
        self._under_way: dict[str, Target] = {}
        self._problems: dict[str, str] = {}
        self._views: dict[str, tuple[_Seen, TargetView]] = {}
        self.seen: Sequence[Target] = ()
        self.pauses: dict[str, Pause] = {}
        self._shown: tuple[list[TargetView], list[str | None]] = ([], [])
        self._shown_at = datetime.min.replace(tzinfo=UTC)

    async def memory(self, target: str) -> Memory:
        """What is known of a target; only this process changes it."""
        if target not in self._memories:
            self._memories[target] = await self._ledger.memory(target)
        return self._memories[target]

    async def remember(self, target: str, memory: Memory) -> None:
        """Takes over a memory found on the engine, where Redis has none."""
        await self._ledger.remember(target, memory)
        self._memories[target] = memory

    def began(self, target: Target) -> None:
        """Takes note of a deployment that begins, or goes on."""
        self._under_way[target.name] = target

    def ended(self, deployment: Deployment, memory: Memory) -> None:
        """Takes note of a deployment that ended."""
        self._under_way.pop(deployment.target, None)
        self._memories[deployment.target] = memory
        self._last[deployment.target] = deployment

    def whole(self, targets: Sequence[Target]) -> list[Target]:
        """These, and the targets in the middle of a deployment of which no container has the name
        right now.
        """
        seen = {target.name for target in targets}
        out_of_sight = [
            target.model_copy(update={"health": "absent"})
            for name, target in self._under_way.items()
            if name not in seen
        ]
        return [*targets, *out_of_sight]

    async def count_recovery(self, good: Deployment) -> None:
        """Times a success from the first of the failures that directly precede it."""
        if good.state is not State.SUCCEEDED:
            return
        first = None
        recent = await self._archive.deployments(target=good.target, host=self._host, limit=50)
        for earlier in recent:
            if earlier.id == good.id or earlier.dry_run or earlier.state not in _COUNTED:
                continue
            if earlier.state not in _FAILURES:
                break
            first = earlier
        if first is not None and first.finished_at and good.finished_at:
            seconds = (good.finished_at - first.finished_at).total_seconds()
            self._metrics.recovered(good.target, self._host, seconds)

    async def read_pauses(self) -> None:
        """Reads which targets are paused; people write that at any time."""
        self.pauses = {
            target: pause
            for (target, host), pause in (await self._archive.pauses()).items()
            if host == self._host
        }

    async def publish(
        self, engine: Engine, targets: Sequence[Target], *, ended: str | None = None
    ) -> None:
        """Writes the views of all targets, and that this host was seen.

        The target `ended` is shown as its deployment, about to be recorded, leaves it.
        """
        await self.read_pauses()
        self.seen = targets
        self._complain(targets)
        targets = self.whole(targets)
        views = [await self._view(target, target.name == ended) for target in targets]
        # Another publication may be under way, of another list.
        names = {target.name for target in targets}
        self._views = {name: seen for name, seen in self._views.items() if name in names}
        running = [self._running(target.name) for target in targets if target.name != ended]
        now = utc_now()
        shown = (views, running)
        if shown == self._shown and (now - self._shown_at).total_seconds() < _SEEN_EVERY:
            return
        host = HostView(
            name=self._host,
            engine_id=engine.engine_id or None,
            engine_version=engine.version or None,
            last_seen=now,
            running=tuple(id_ for id_ in running if id_),
        )
        await self._ledger.publish(views, host)
        self._shown, self._shown_at = shown, now
        self._metrics.targets_seen(views, self._host)
        self._published()

    def abandon(self) -> None:
        """Shows no figures of targets any more: another worker may have them."""
        self._metrics.targets_seen([], self._host)

    def _complain(self, targets: Sequence[Target]) -> None:
        """Logs what is wrong with a target, once."""
        problems = {target.name: target.problem for target in targets if target.problem}
        for name, problem in problems.items():
            if self._problems.get(name) != problem:
                log.warning("target left alone", target=name, host=self._host, reason=problem)
        self._problems = problems

    async def _view(self, target: Target, ended: bool) -> TargetView:
        """What is shown of a target; the same object while nothing of it changes."""
        memory = await self.memory(target.name)
        last = await self.last(target.name)
        pause = self.pauses.get(target.name)
        waiting = self._lanes.waiting(target.name)
        held = waiting.reason if waiting is not None else None
        seen = _Seen(target, memory, last, pause, held, self._state(target, pause, ended))
        before = self._views.get(target.name)
        if before is None or before[0] != seen:
            before = self._views[target.name] = seen, self._view_of(seen)
        return before[1]

    def _view_of(self, seen: _Seen) -> TargetView:
        target, memory, last = seen.target, seen.memory, seen.last
        digest = running_digest(target, memory)
        return TargetView(
            name=target.name,
            host=self._host,
            driver=target.driver,
            image=target.image,
            tag=target.tag,
            policy=target.policy,
            digest=digest,
            last_good_digest=memory.good[0].digest if memory.good else None,
            since=next((good.at for good in memory.good if good.digest == digest), None),
            health=target.health,
            state=seen.state,
            reason=target.problem or (seen.pause.reason if seen.pause else seen.held),
            rollout=target.rollout_id,
            compose=target.settings.service_of_compose,
            last_deployment=None
            if last is None
            else LastDeployment(
                id=last.id, state=last.state, reason=last.reason, finished_at=last.finished_at
            ),
        )

    def _state(self, target: Target, pause: Pause | None, ended: bool) -> _Word:
        if self._running(target.name) and not ended:
            return "deploying"
        if target.problem is not None:
            return "invalid"
        if pause is not None:
            return "paused"
        return "waiting" if self._lanes.waiting(target.name) else "idle"

    def _running(self, target: str) -> str | None:
        """The deployment under way; its lane may still be taken a moment after its end."""
        running, last = self._lanes.running(target), self._last.get(target)
        return None if last is not None and last.id == running else running

    async def last(self, target: str) -> Deployment | None:
        """The newest that has ended, also where it never began."""
        if target not in self._last:
            recent = await self._archive.deployments(target=target, host=self._host, limit=50)
            ended = (one for one in recent if one.state.final and not one.dry_run)
            self._last[target] = next(ended, None)
        ran, unrun = self._last[target], self._lanes.ended_early(target)
        return unrun if unrun is not None and (ran is None or _end(ran) < _end(unrun)) else ran


def _end(deployment: Deployment) -> datetime:
    return deployment.finished_at or deployment.queued_at


def running_digest(target: Target, memory: Memory) -> str | None:
    """What a target runs, by the digest it was deployed under where that is known."""
    for good in memory.good:
        if good.image_id == target.image_id:
            return good.digest
    return target.digests[0] if target.digests else None
