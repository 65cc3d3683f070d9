"""The lanes of a host: for each target one deployment runs and one waits, the newest wins.

What is here is also in Redis: each change is written first, by the only writer there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.model.target import Memory, Pause
from listener.store import Archive, Lane, Ledger, PushAck


class Lanes:
    """Waiting and running deployments, and when each target was last busy.

    Changes come from several tasks and are made one after the other: each depends on what the one
    before it has written.
    """

    def __init__(self, ledger: Ledger, archive: Archive) -> None:
        self._ledger = ledger
        self._archive = archive
        self._lanes: dict[str, Lane] = {}
        self._waiting: dict[str, Deployment] = {}
        self._busy_until: dict[str, datetime] = {}
        self._change = asyncio.Lock()
        self._ended: dict[str, Deployment] = {}
        self.cancelled: set[str] = set()

    async def load(self) -> None:
        """Reads what was left. A deployment that was taken but never begun waits again."""
        self._lanes = await self._ledger.lanes()
        self._waiting = {}
        journalled = {journal.deployment.id for journal in await self._ledger.journals()}
        for target, lane in list(self._lanes.items()):
            if lane.running is not None and lane.running not in journalled:
                await self._wait_again(target, lane)
            elif lane.waiting is not None:
                await self._load_waiting(target, lane.waiting)

    async def _wait_again(self, target: str, lane: Lane) -> None:
        newer = lane.waiting
        lost = await self._archive.deployment(lane.running or "")
        if newer is None and lost is not None and not lost.state.final:
            queued = lost.model_copy(update={"state": State.QUEUED})
            await self._write([queued], {target: Lane(waiting=queued.id)})
            self._waiting[target] = queued
            return
        ended = []
        if lost is not None and not lost.state.final:
            ended = [_superseded(lost, newer or "")]
        await self._write(ended, {target: Lane(waiting=newer)})
        if newer is not None:
            await self._load_waiting(target, newer)

    async def _load_waiting(self, target: str, deployment_id: str) -> None:
        waiting = await self._archive.deployment(deployment_id)
        if waiting is None or waiting.state.final:
            running = self._lanes.get(target, Lane()).running
            await self._write([], {target: Lane(running=running)})
        else:
            self._waiting[target] = waiting

    async def place(
        self,
        deployments: Iterable[Deployment],
        *,
        pushes: Sequence[PushAck] = (),
        command: str | None = None,
    ) -> list[Deployment]:
        """Lets deployments wait, each in its target's lane, with the pushes or command that led
        to them acknowledged in the same step. Answers those that were overtaken.
        """
        async with self._change:
            placed = {
                deployment.target: _approved_like(self._waiting.get(deployment.target), deployment)
                for deployment in deployments
            }
            overtaken = [
                _superseded(self._waiting[target], newer.id)
                for target, newer in placed.items()
                if target in self._waiting
            ]
            lanes = {
                target: Lane(running=self.running(target), waiting=newer.id)
                for target, newer in placed.items()
            }
            records = [*overtaken, *placed.values()]
            await self._write(records, lanes, pushes=pushes, command=command)
            self._waiting.update(placed)
        return overtaken

    async def hold(self, deployment: Deployment, reason: str) -> None:
        """Says why a deployment waits, while it still does."""
        async with self._change:
            if self._waits(deployment):
                # Not from what the caller saw: it may have been approved since.
                known = self._waiting[deployment.target]
                facts = {"state": State.WAITING, "reason": reason}
                told = known.model_copy(update=facts)
                if known.state is not State.WAITING:
                    await self._ledger.hold(told)
                elif told != known:
                    await self._ledger.record(told)
                if told != known:
                    self._waiting[told.target] = told

    async def approve(self, deployment: Deployment, command: str) -> bool:
        """Lets a deployment begin that waits for approval, and acknowledges the command that said
        so. False where it waits no more.
        """
        async with self._change:
            approved = []
            if self._waits(deployment):
                known = self._waiting[deployment.target]
                approved = [known.model_copy(update={"approved_at": utc_now()})]
            await self._write(approved, {}, command=command)
            self._waiting.update({one.target: one for one in approved})
        return bool(approved)

    async def end_waiting(self, ended: Deployment, command: str | None = None) -> bool:
        """Ends a deployment that never ran, and acknowledges the command that asked for it or for
        its end. Without one, False where it waits no more: then it has an end already.
        """
        async with self._change:
            lanes: dict[str, Lane] = {}
            if self._waits(ended):
                lanes[ended.target] = Lane(running=self.running(ended.target))
            elif command is None:
                return False
            await self._write([ended], lanes, command=command)
            if lanes:
                self._waiting.pop(ended.target, None)
        return True

    async def take(self, deployment: Deployment) -> Deployment | None:
        """Moves a deployment to its target's running place, if it still waits and none runs."""
        async with self._change:
            target = deployment.target
            # A newer one in its place may have to wait for more than this one had to.
            if not self._waits(deployment) or self.running(target) is not None:
                return None
            await self._write([], {target: Lane(running=deployment.id)})
            return self._waiting.pop(target)

    async def adopt(self, deployment: Deployment) -> None:
        """Puts a deployment that recovery made into the running place."""
        async with self._change:
            lane = Lane(running=deployment.id, waiting=self.lane(deployment.target).waiting)
            await self._write([deployment], {deployment.target: lane})

    async def finish(self, ended: Deployment, memory: Memory, pause: Pause | None) -> None:
        """Frees the running place."""
        async with self._change:
            lanes = {ended.target: Lane(waiting=self.lane(ended.target).waiting)}
            await self._ledger.finish(ended, lanes=lanes, memory=memory, pause=pause)
            self._lanes.update(lanes)
        if ended.state is not State.SKIPPED:
            self._busy_until[ended.target] = utc_now()
        self.cancelled.discard(ended.id)

    def _waits(self, deployment: Deployment) -> bool:
        waiting = self._waiting.get(deployment.target)
        return waiting is not None and waiting.id == deployment.id

    def lane(self, target: str) -> Lane:
        """The lane of a target."""
        return self._lanes.get(target, Lane())

    def names(self) -> list[str]:
        """The targets that have a lane."""
        return list(self._lanes)

    def running(self, target: str) -> str | None:
        """The id of the deployment that runs for a target."""
        return self.lane(target).running

    def waiting(self, target: str) -> Deployment | None:
        """The deployment that waits for a target."""
        return self._waiting.get(target)

    def ended_early(self, target: str) -> Deployment | None:
        """The last one that ended here without having run, and not for a newer one."""
        return self._ended.get(target)

    def all_waiting(self) -> list[Deployment]:
        """Everything that waits, oldest first."""
        return sorted(self._waiting.values(), key=lambda deployment: deployment.id)

    def ready_in(self, deployment: Deployment, debounce: float) -> float:
        """Seconds until a waiting deployment may start.

        A lone push starts at once; right after a deployment the events of one push are gathered.
        """
        busy = self._busy_until.get(deployment.target)
        if busy is None or (deployment.queued_at - busy).total_seconds() > debounce:
            return 0.0
        return debounce - (utc_now() - deployment.queued_at).total_seconds()

    async def _write(
        self,
        deployments: list[Deployment],
        lanes: dict[str, Lane],
        *,
        pushes: Sequence[PushAck] = (),
        command: str | None = None,
    ) -> None:
        await self._ledger.admit(deployments, lanes, pushes=pushes, command=command)
        self._lanes.update(lanes)
        self._ended.update({one.target: one for one in deployments if _unrun(one)})


def _approved_like(waiting: Deployment | None, newer: Deployment) -> Deployment:
    """A deployment as it takes the place of one that waits: what was approved for an image holds
    when the same image is told of again.
    """
    if waiting is None or waiting.approved_at is None:
        return newer
    same = (newer.tag, newer.hint, newer.to_digest) == (
        waiting.tag,
        waiting.hint,
        waiting.to_digest,
    )
    if not same or (newer.hint is None and newer.to_digest is None):
        return newer
    return newer.model_copy(update={"approved_at": waiting.approved_at})


def _unrun(deployment: Deployment) -> bool:
    return deployment.state in (State.SKIPPED, State.FAILED) and not deployment.dry_run


def _superseded(deployment: Deployment, newer: str) -> Deployment:
    return ended_early(deployment, State.SUPERSEDED, f"overtaken by deployment {newer}")


def ended_early(deployment: Deployment, state: State, reason: str) -> Deployment:
    """A deployment in its final state, though it never began."""
    facts = {"state": state, "reason": reason, "finished_at": utc_now()}
    return deployment.model_copy(update=facts)
