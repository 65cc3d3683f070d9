"""Turns what comes in, pushes and commands, into deployments that wait in their lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from listener.matching import matching
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger, new_deployment_id
from listener.model.push import Match, Push
from listener.model.target import Memory, Target
from listener.store import Command, PushAck
from listener.telemetry import Metrics
from listener.worker.lanes import Lanes, ended_early
from listener.worker.rehearsals import Rehearsals

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """The pushes that raised the question whether another one was missed, and when they came."""

    pushes: tuple[str, ...]
    received_at: datetime | None


class Admission:
    """Decides what is queued. Every answer is written in one step with its acknowledgement."""

    def __init__(self, host: str, lanes: Lanes, rehearsals: Rehearsals, metrics: Metrics) -> None:
        self._host = host
        self._lanes = lanes
        self._rehearsals = rehearsals
        self._metrics = metrics

    async def pushes(self, entries: Sequence[tuple[str, Push]], targets: Sequence[Target]) -> bool:
        """Queues one deployment for each target that follows a pushed tag.

        Pushes that are for no target are acknowledged together. Answers whether any was queued.
        """
        for_nobody: list[PushAck] = []
        any_queued = False
        for entry_id, push in entries:
            # Hooks wait in the same process: in a flood they take turns with what came before.
            await asyncio.sleep(0)
            queued, matches = self._match(push, targets)
            ack = PushAck(entry_id=entry_id, push_id=push.id, matches=tuple(matches))
            if queued:
                self._ended(await self._lanes.place(queued, pushes=[ack]))
                any_queued = True
            else:
                for_nobody.append(ack)
            log.info(
                "push",
                push=push.id,
                image=push.image,
                tag=push.tag,
                digest=push.digest,
                targets=[deployment.target for deployment in queued],
                deployments=[deployment.id for deployment in queued],
            )
        if for_nobody:
            await self._lanes.place([], pushes=for_nobody)
        return any_queued

    def _match(self, push: Push, targets: Sequence[Target]) -> tuple[list[Deployment], list[Match]]:
        queued: list[Deployment] = []
        matches: list[Match] = []
        for target, reason in matching(push, targets):
            deployment = None if reason else self._deployment_of(push, target)
            if deployment is not None:
                queued.append(deployment)
            matches.append(
                Match(
                    target=target.name,
                    host=self._host,
                    deployment=deployment.id if deployment else None,
                    reason=reason,
                )
            )
        return queued, matches

    def _deployment_of(self, push: Push, target: Target) -> Deployment:
        now = utc_now()
        return Deployment(
            id=new_deployment_id(now),
            target=target.name,
            host=self._host,
            trigger=Trigger.PUSH,
            image=target.image,
            tag=push.tag,
            hint=push.digest,
            pushes=(push.id,),
            received_at=push.received_at,
            queued_at=now,
        )

    async def missed(self, deployment: Deployment) -> None:
        """Queues what reconcile found."""
        self._ended(await self._lanes.place([deployment]))

    async def command(self, entry_id: str, command: Command, targets: Sequence[Target]) -> None:
        """Does what a person asked for."""
        deployment = command.deployment
        log.info("command", kind=command.kind, deployment=deployment.id, target=deployment.target)
        if command.kind == "cancel":
            await self._cancel(entry_id, deployment)
            return
        if command.kind == "approve":
            await self._lanes.approve(deployment, entry_id)
            return
        target = next((one for one in targets if one.name == deployment.target), None)
        if target is None:
            reason = f"there is no target {deployment.target} on {self._host}"
            ended = ended_early(deployment, State.FAILED, reason)
            await self._lanes.end_waiting(ended, command=entry_id)
            self._ended([ended])
            return
        wanted = {"image": target.image, "to_digest": command.digest or deployment.to_digest}
        queued = deployment.model_copy(update=wanted)
        if queued.dry_run:
            self._rehearsals.begin(entry_id, queued, target)
            return
        newer = self._lanes.waiting(queued.target)
        if queued.cause is not None and newer is not None:
            reason = f"overtaken by deployment {newer.id}"
            ended = ended_early(queued, State.SUPERSEDED, reason)
            await self._lanes.end_waiting(ended, command=entry_id)
            self._ended([ended])
            return
        self._ended(await self._lanes.place([queued], command=entry_id))

    async def _cancel(self, entry_id: str, deployment: Deployment) -> None:
        waiting = self._lanes.waiting(deployment.target)
        if waiting is not None and waiting.id == deployment.id:
            ended = ended_early(waiting, State.SKIPPED, "cancelled by hand before it began")
            await self._lanes.end_waiting(ended, command=entry_id)
            self._ended([ended])
            return
        running = self._lanes.running(deployment.target) == deployment.id
        if running or self._rehearsals.under_way(deployment.id):
            self._lanes.cancelled.add(deployment.id)
        await self._lanes.place([], command=entry_id)

    def _ended(self, ended: Sequence[Deployment]) -> None:
        for deployment in ended:
            self._metrics.deployment_ended(deployment)
            log.info(
                "deployment",
                deployment=deployment.id,
                target=deployment.target,
                state=str(deployment.state),
                reason=deployment.reason,
            )


def untold(
    entries: Sequence[tuple[str, Push]], targets: Sequence[Target]
) -> list[tuple[Target, Push]]:
    """Targets that a push is not for, but that its sender may have left out."""
    return [
        (target, push)
        for _, push in entries
        if push.one_of_many
        for target, reason in matching(push, targets)
        if reason is not None and target.problem is None
    ]


def reconcile_deployment(
    target: Target, host: str, memory: Memory, told: Told | None = None
) -> Deployment:
    """What is asked for where a push may have been missed: whatever the target follows.

    `told` has the pushes that raised the question, where there were any.
    """
    now = utc_now()
    known = next((good for good in memory.good if good.image_id == target.image_id), None)
    return Deployment(
        id=new_deployment_id(now),
        target=target.name,
        host=host,
        trigger=Trigger.PUSH if told else Trigger.RECONCILE,
        image=target.image,
        tag=known.tag if known is not None and known.tag else target.tag,
        pushes=told.pushes if told else (),
        received_at=told.received_at if told else None,
        queued_at=now,
    )
