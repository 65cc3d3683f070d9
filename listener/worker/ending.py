"""What is done once a deployment is over: others are shown it, its lane is free, it is counted."""

from __future__ import annotations

import structlog

from listener.deploy.runner import Runner, rollback_reason
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.model.base import utc_now
from listener.model.deployment import State
from listener.model.journal import Journal
from listener.model.target import Memory, Pause
from listener.telemetry import Metrics, RollbackReason
from listener.worker.lanes import Lanes
from listener.worker.overview import Overview
from listener.worker.rolling import Rolling
from listener.worker.targets import Targets

log = structlog.get_logger(__name__)


class Ending:
    """Records the ends of one worker's deployments; waits for Redis where that is away."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that an end is told to
        self,
        engine: Engine,
        runner: Runner,
        rolling: Rolling,
        lanes: Lanes,
        overview: Overview,
        discovery: Targets,
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._rolling = rolling
        self._lanes = lanes
        self._overview = overview
        self._discovery = discovery
        self._metrics = metrics

    async def record(self, done: Journal, memory: Memory) -> None:
        """Records a deployment in its final state, and what is known of its target from now on."""
        ended = done.deployment
        pause = None
        if ended.state is State.ROLLBACK_FAILED:
            pause = Pause(reason=f"rollback failed: {ended.reason}", at=utc_now())
            self._overview.pauses[ended.target] = pause
        self._discovery.forget(done.target.container_id)
        self._overview.ended(ended, memory)
        # The views come first: whoever sees the end of a deployment finds its target up to date.
        await self._runner.insist(lambda: self._publish(ended.target))
        await self._runner.insist(lambda: self._rolling.ended(done))
        await self._runner.insist(lambda: self._lanes.finish(ended, memory, pause))
        self._metrics.deployment_ended(ended)
        if ended.state in (State.ROLLED_BACK, State.ROLLBACK_FAILED):
            self._metrics.rolled_back(ended.target, ended.host, rollback_reason(done))
        elif ended.trigger == "rollback" and ended.state is State.SUCCEEDED:
            # What a rollout takes back, since another host failed, no person asked for.
            why: RollbackReason = "manual" if ended.cause is None else "unhealthy"
            self._metrics.rolled_back(ended.target, ended.host, why)
        await self._runner.insist(lambda: self._overview.count_recovery(ended))
        log.info(
            "deployment ended",
            deployment=ended.id,
            target=ended.target,
            state=str(ended.state),
            reason=ended.reason,
            from_digest=ended.from_digest,
            to_digest=ended.to_digest,
            gap_seconds=ended.gap_seconds,
        )

    async def _publish(self, ended: str) -> None:
        try:
            targets = await self._discovery.targets()
        except (EngineAway, EngineError) as problem:
            log.warning("views not renewed", reason=str(problem))
            return
        await self._overview.publish(self._engine, targets, ended=ended)
