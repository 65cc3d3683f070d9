"""Why the update of a service failed: what its tasks say of themselves, on whichever node."""

from __future__ import annotations

from listener.deploy.convergence import Look, explain_task, explain_wait
from listener.deploy.outcomes import Sick
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.drivers.service import Service, Task

_LOG_LINES = 100


class Blame:
    """Finds the reason at the managers. A node that says nothing costs a part of it, no more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def sick(
        self, service: Service, now: Look, reason: str, *, returning: bool = False
    ) -> Sick:
        """With what the newest task says that ended by itself."""
        task = next(iter(now.ended), None)
        if task is None:
            return Sick("unhealthy", reason, returning=returning)
        kind, sentence = explain_task(task, task.name(service.name, await self._nodes()))
        sentence += await self._last_probe(task)
        told = f"{sentence}; {reason}" if reason else sentence
        return Sick(kind, told, await self._logs(task), returning=returning)

    async def late(self, service: Service, now: Look, seconds: float) -> Sick:
        """With what a task does that did not run within so many seconds."""
        task = next(iter(now.ended), None)
        if task is not None:
            return await self.sick(service, now, f"{now.sentence()} after {seconds:g} s")
        waits = now.waiting
        named = "" if waits is None else waits.name(service.name, await self._nodes())
        kind, reason = explain_wait(waits, named, seconds)
        if waits is None:
            return Sick(kind, reason)
        return Sick(kind, reason + await self._last_probe(waits), await self._logs(waits))

    async def _nodes(self) -> dict[str, str]:
        try:
            return await self._engine.node_names()
        except (EngineAway, EngineError):
            return {}

    async def _logs(self, task: Task) -> tuple[str, ...]:
        return tuple(await self._engine.task_logs(task.inspect, _LOG_LINES))

    async def _last_probe(self, task: Task) -> str:
        """What the health check said, where the task's container is on this very node."""
        if not task.container:
            return ""
        try:
            inspect = await self._engine.inspect_container(task.container)
        except (EngineAway, EngineError):
            return ""
        runs = (inspect["State"].get("Health") or {}).get("Log") or []
        said = str(runs[-1].get("Output", "")).strip() if runs else ""
        return f", last probe said {said}" if said else ""
