"""Dry runs: what a deployment would do is found out beside the lanes, since it changes nothing.

Neither does it wait for the deployment that runs, nor does one that waits give way to it. Its
command is acknowledged with its end, so that a worker which was killed in between does it again.
"""

from __future__ import annotations

import asyncio
from functools import partial

import structlog

from listener.deploy.runner import Runner
from listener.model.deployment import Deployment
from listener.model.journal import Journal, Phase
from listener.model.target import Target
from listener.store import LeaseLost
from listener.telemetry import Metrics
from listener.worker.lanes import Lanes
from listener.worker.overview import Overview, running_digest

log = structlog.get_logger(__name__)


class Rehearsals:
    """The dry runs that are under way on one host."""

    def __init__(self, runner: Runner, lanes: Lanes, overview: Overview, metrics: Metrics) -> None:
        self._runner = runner
        self._lanes = lanes
        self._overview = overview
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, entry_id: str, deployment: Deployment, target: Target) -> None:
        """Begins one, asked for by the command `entry_id`."""
        work = self._run(entry_id, deployment, target)
        self._tasks[deployment.id] = asyncio.create_task(work, name=f"dry run {deployment.id}")

    def under_way(self, deployment_id: str) -> bool:
        """Whether this is one that has not ended."""
        return deployment_id in self._tasks

    async def abandon(self) -> None:
        """Cancels them all; their commands stay."""
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, entry_id: str, deployment: Deployment, target: Target) -> None:
        try:
            memory = await self._runner.insist(lambda: self._overview.memory(target.name))
            asked = deployment.model_copy(update={"from_digest": running_digest(target, memory)})
            journal = Journal(deployment=asked, target=target, phase=Phase.RESOLVE)
            ended = await self._runner.rehearse(journal, memory)
            await self._runner.insist(partial(self._lanes.end_waiting, ended, command=entry_id))
            self._metrics.deployment_ended(ended)
            log.info(
                "dry run ended",
                deployment=ended.id,
                target=ended.target,
                state=str(ended.state),
                reason=ended.reason,
            )
        except LeaseLost:
            log.warning("dry run left to the new worker", deployment=deployment.id)
        finally:
            self._lanes.cancelled.discard(deployment.id)
            del self._tasks[deployment.id]
