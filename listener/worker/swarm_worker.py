"""The worker of a swarm: on each manager one stands by, and one of them deploys the services.

A swarm is a host of its own: its lanes, journals and history have its name and not a manager's, and
the lease is that of the swarm. So whoever gets the lease goes on with what the one before it left,
and a push leads to one deployment of a service. It does not matter which manager the worker is at:
each passes changes on to the leader.
"""

from __future__ import annotations

import asyncio

import structlog

from listener.config import Settings
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.services import cluster_of, host_name
from listener.worker.waiting import until
from listener.worker.worker import Worker

log = structlog.get_logger(__name__)

_LOOK_EVERY = 2.0
_NO_SWARM_FOR = 30.0
"""Seconds until an engine without a swarm is asked again: telling costs it several processes."""
_PATIENCE = 10.0
"""Seconds that a manager may be without its swarm before another worker gets the lease."""


class SwarmWorker(Worker):
    """One manager's worker. On an engine that is no manager it does nothing but look."""

    swarm = True
    _cluster = ""

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
        named = {"host": self.settings.host} if self._cluster else {}
        super().replace_settings(settings.model_copy(update=named))

    async def _reach(self, engine: Engine) -> bool:
        if not await super()._reach(engine):
            return False
        try:
            cluster = await cluster_of(engine)
        except (EngineAway, EngineError) as problem:
            await self._wait_for("the swarm", str(problem))
            return False
        if cluster is None:
            self._told("this engine is not a manager of a swarm")
            # One that was a manager may only be starting again.
            await until(self._stopping, _LOOK_EVERY if self._cluster else _NO_SWARM_FOR)
            return False
        self._cluster = cluster
        # The lease is that of the swarm, not of the engine that leads to it.
        engine.engine_id = f"swarm-{cluster}"
        self.settings = self.settings.model_copy(update={"host": host_name(cluster)})
        return True

    async def _tend(self, engine: Engine) -> None:
        """Returns once this manager has been without its swarm for too long."""
        loop = asyncio.get_running_loop()
        answered = loop.time()
        while loop.time() - answered < _PATIENCE:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                if await cluster_of(engine) != self._cluster:
                    break
                answered = loop.time()
            except (EngineAway, EngineError) as problem:
                log.warning("the swarm does not answer", reason=str(problem))
        log.warning("the lease of the swarm is left to another manager", swarm=self.settings.host)

    def _told(self, problem: str | None) -> None:
        self._problem = problem
        if problem is None:
            self._metrics.worker_up(self.settings.host, True)
        elif self._cluster:
            # Another manager's worker may be up for it.
            self._metrics.worker_forgotten(self.settings.host)
