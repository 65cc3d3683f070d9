"""Changes in, messages out: each says how the thing that changed is now, in the API's shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import structlog
from pydantic import ValidationError

from listener.store import Archive, Change, Fleet, Incoming
from listener.web.shapes import Json, deployment_json, host_json, push_json, target_json

_log = structlog.get_logger(__name__)


class Tidings:
    """Looks up what changed. A target or host that is gone by now is told as such."""

    def __init__(self, archive: Archive, fleet: Fleet, incoming: Incoming) -> None:
        self._archive = archive
        self._fleet = fleet
        self._incoming = incoming

    async def of(self, changes: Sequence[Change]) -> list[bytes]:
        """One message for each, in order. Raises `Unavailable`."""
        told = [await self._or_nothing(change) for change in changes]
        return [each for each in told if each is not None]

    async def _or_nothing(self, change: Change) -> bytes | None:
        try:
            return await self._of(change)
        except ValidationError as problem:
            # One record that this release cannot read must not silence all the others.
            _log.warning(
                "a change is not told", kind=change.kind, name=change.name, why=str(problem)
            )
            return None

    async def _of(self, change: Change) -> bytes | None:
        match change.kind:
            case "target":
                return await self._target(change)
            case "deployment":
                deployment = await self._archive.deployment(change.name)
                return message("deployment", deployment_json(deployment)) if deployment else None
            case "push":
                record = await self._incoming.push_at(change.name)
                return message("push", push_json(record.push, record.matches)) if record else None
            case "host":
                return await self._host(change)

    async def _target(self, change: Change) -> bytes:
        view = await self._archive.target(change.host, change.name)
        if view is None:
            return message("target_removed", {"name": change.name, "host": change.host})
        pauses = await self._archive.pauses()
        return message("target", target_json(view, pauses.get((view.name, view.host))))

    async def _host(self, change: Change) -> bytes:
        host = await self._archive.host(change.name)
        if host is None:
            return message("host_removed", {"name": change.name})
        alive = await self._fleet.alive([host])
        queue = await self._archive.queue_of(host.name)
        return message("host", host_json(host, queue, alive=host.name in alive))


def message(kind: str, content: Json, id: str | None = None) -> bytes:
    """A server-sent event; one that bears an id is where a reader may go on."""
    text = json.dumps(content, separators=(",", ":"))
    return (f"id: {id}\n" if id else "").encode() + f"event: {kind}\ndata: {text}\n\n".encode()
