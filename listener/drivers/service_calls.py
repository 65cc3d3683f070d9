"""What is done with the services of a swarm; only a manager answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from listener.drivers.errors import Conflict, EngineAway, EngineError, NotFound
from listener.drivers.image_calls import auth_header
from listener.drivers.output import Output
from listener.drivers.wire import CHANGE, Call, Filters, Wire, filter_params, path_part
from listener.model.auth import Auth

_LOGS_WITHIN = 5.0
# A manager that lost its swarm answers, but not for it: with 503, or in the words of gRPC.
_NO_SWARM = re.compile(
    r"does not have a leader|not a swarm manager|code = (Unavailable|DeadlineExceeded|Aborted)"
    r"|context deadline exceeded|raft: stopped|lost leadership"
)


class ServiceCalls(Wire):
    """The calls about services; EngineAway also where the manager has no swarm behind it."""

    async def swarm(self) -> dict[str, Any]:
        """The swarm as its managers agree on it; raises EngineAway unless there is a leader."""
        return await self._asked(Call("GET", "swarm"))

    async def list_services(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """All services, each with ``ServiceStatus`` from API 1.41 on."""
        params = {"status": "true", **filter_params(filters)}
        return await self._asked_list(Call("GET", "services", params=params))

    async def inspect_service(self, ref: str) -> dict[str, Any]:
        """Everything about one service, by id or name."""
        return await self._asked(Call("GET", f"services/{path_part(ref)}"))

    async def update_service(
        self,
        service: Mapping[str, Any],
        spec: Mapping[str, Any],
        auth: Auth | None,
        *,
        back: bool = False,
    ) -> tuple[str, ...]:
        """Gives a service another spec, or with `back` its previous one; answers warnings.

        `auth` goes to every node that pulls: without it they use what the last update left, which
        may have expired. Conflict: someone changed the service since `service` was read.
        """
        image = spec["TaskTemplate"]["ContainerSpec"]["Image"]
        params = {"version": str(service["Version"]["Index"])}
        if back:
            params["rollback"] = "previous"
        call = Call(
            "POST",
            f"services/{path_part(service['ID'])}/update",
            params=params,
            body=spec,
            headers=auth_header(image, auth),
            seconds=CHANGE,
        )
        return tuple((await self._asked(call)).get("Warnings") or ())

    async def tasks(self, service: str) -> list[dict[str, Any]]:
        """All tasks of a service that the swarm remembers."""
        params = filter_params({"service": [service]})
        return await self._asked_list(Call("GET", "tasks", params=params))

    async def node_names(self) -> dict[str, str]:
        """Node id -> hostname."""
        nodes = await self._asked_list(Call("GET", "nodes"))
        return {node["ID"]: str((node.get("Description") or {}).get("Hostname")) for node in nodes}

    async def task_logs(self, task: Mapping[str, Any], tail: int = 100) -> list[str]:
        """The last lines of a task, which come from its node; none where that says none."""
        container = (task.get("Spec") or {}).get("ContainerSpec") or {}
        output = Output(tail, terminal=bool(container.get("TTY")))
        params = {"stdout": "1", "stderr": "1", "tail": str(tail)}
        path = f"tasks/{path_part(task['ID'])}/logs"
        call = Call("GET", path, params=params, seconds=_LOGS_WITHIN)
        try:
            async with self.send(call) as response:
                await output.read(response.content.iter_any())
        except (EngineAway, EngineError):
            pass  # its node is away, or its log driver keeps nothing that can be read
        return output.lines()

    async def _asked(self, call: Call) -> dict[str, Any]:
        try:
            return await self.json(call)
        except EngineError as fault:
            raise _translated(fault) from fault

    async def _asked_list(self, call: Call) -> list[dict[str, Any]]:
        try:
            return await self.json_list(call)
        except EngineError as fault:
            raise _translated(fault) from fault


def _translated(fault: EngineError) -> Exception:
    if fault.status == 503 or _NO_SWARM.search(fault.message):
        return EngineAway(f"The swarm does not answer: {fault.message}")
    if "update out of sequence" in fault.message:
        return Conflict(fault.status, fault.message)
    return NotFound(404, fault.message) if fault.status == 404 else fault
