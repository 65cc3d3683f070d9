"""What readers see: the API, the command line and the receiver. They never pass the fence, so
they write commands and pauses only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from listener.model.deployment import Deployment, State
from listener.model.target import Memory, Pause
from listener.model.view import HostView, TargetView
from listener.store import changes, keys, scripts
from listener.store.client import Store
from listener.store.errors import Backlog
from listener.store.lanes import Lane, read_lanes
from listener.store.ledger import Command
from listener.store.queues import Queue, read_queues

_PAGE = 100


class Archive:
    """Targets, hosts, deployments, pauses and queues; commands and pauses to write.

    All methods raise `Unavailable`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hosts(self) -> list[HostView]:
        """All workers that ever published, by name."""
        texts = await self._store.call("HVALS", keys.HOSTS)
        views = [HostView.model_validate_json(text) for text in texts]
        return sorted(views, key=lambda view: view.name)

    async def targets(self) -> list[TargetView]:
        """All targets as their workers last published them, by name and host."""
        hosts = await self._host_names()
        answers = await self._store.pipe([("HVALS", keys.views(host)) for host in hosts])
        views = [_read_view(text) for texts in answers for text in texts]
        return sorted(views, key=lambda view: (view.name, view.host))

    async def deployment(self, deployment_id: str) -> Deployment | None:
        """One deployment; None where there is none, or it fell off the history."""
        text = await self._store.call("GET", keys.deployment(deployment_id))
        return Deployment.model_validate_json(text) if text else None

    async def records(self, ids: Sequence[str]) -> list[Deployment]:
        """The deployments of these ids that there still are, in the same order."""
        if not ids:
            return []
        texts = await self._store.call("MGET", *(keys.deployment(id_) for id_ in ids))
        return [Deployment.model_validate_json(text) for text in texts if text]

    async def newest(self, targets: Sequence[tuple[str, str]], count: int) -> list[list[str]]:
        """For each target, by host and name, the ids of its newest deployments, newest first."""
        return await self._store.pipe(
            [
                ("ZREVRANGEBYLEX", keys.history(*target), "+", "-", "LIMIT", 0, count)
                for target in targets
            ]
        )

    async def target(self, host: str, name: str) -> TargetView | None:
        """One target as its worker last published it; None where it no longer does."""
        text = await self._store.call("HGET", keys.views(host), name)
        return _read_view(text) if text else None

    async def host(self, name: str) -> HostView | None:
        """One worker as it last published itself."""
        text = await self._store.call("HGET", keys.HOSTS, name)
        return HostView.model_validate_json(text) if text else None

    async def deployments(
        self,
        target: str | None = None,
        host: str | None = None,
        state: State | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> list[Deployment]:
        """Deployments, newest first; only those older than the id `before`, where given."""
        indexes = await self._indexes(target, host)
        found: list[Deployment] = []
        while len(found) < limit:
            ids = await self._page(indexes, before)
            if not ids:
                break
            before = ids[-1]
            found += [
                record
                for record in await self.records(ids)
                if (host is None or record.host == host)
                and (state is None or record.state == state)
            ]
        return found[:limit]

    async def lanes(self, host: str) -> dict[str, Lane]:
        """The lanes of a host that hold something, by target."""
        return await read_lanes(self._store, host)

    async def memory(self, host: str, target: str) -> Memory:
        """What is known of a target beyond what runs; empty where nothing is."""
        text = await self._store.call("HGET", keys.memory(host), target)
        return Memory.model_validate_json(text) if text else Memory()

    async def pauses(self) -> dict[tuple[str, str], Pause]:
        """The paused targets: (target, host) -> pause."""
        fields = await self._store.call("HGETALL", keys.PAUSED)
        found: dict[tuple[str, str], Pause] = {}
        for field, text in zip(fields[::2], fields[1::2], strict=True):
            target, _, host = field.rpartition("@")
            found[target, host] = Pause.model_validate_json(text)
        return found

    async def pause(self, host: str, target: str, pause: Pause) -> None:
        """Lets a target take no deployments until `resume`."""
        await self._pause(host, target, pause.model_dump_json())

    async def resume(self, host: str, target: str) -> None:
        """Lets a target take deployments again."""
        await self._pause(host, target, "")

    async def _pause(self, host: str, target: str, pause: str) -> None:
        event = changes.entry("target", target, host)
        names = [keys.PAUSED, keys.EVENTS]
        field = keys.paused(host, target)
        await self._store.run(scripts.FIELD, names, [field, pause, *event])

    async def submit(self, host: str, command: Command) -> None:
        """Sends a command to the worker of a host; a new deployment is recorded in the same step.

        Raises `Backlog` where the worker has not read its commands for long.
        """
        deployment = command.deployment
        existing = command.kind in ("cancel", "approve")
        record = "" if existing else deployment.model_dump_json()
        taken = await self._store.run(
            scripts.SUBMIT,
            [
                keys.commands(host),
                keys.deployment(deployment.id),
                keys.HISTORY,
                keys.history(host, deployment.target),
                keys.EVENTS,
            ],
            [
                keys.COMMANDS_CAP,
                deployment.id,
                record,
                command.model_dump_json(),
                *changes.entry("deployment", deployment.id),
            ],
        )
        if not taken:
            raise Backlog(
                f"{keys.COMMANDS_CAP} commands wait for the worker of {host}: is it running?"
            )

    async def queue(self) -> dict[str, Queue]:
        """What each host has not begun."""
        return await read_queues(self._store, await self._host_names())

    async def queue_of(self, host: str) -> Queue:
        """What one host has not begun."""
        return (await read_queues(self._store, [host]))[host]

    async def _host_names(self) -> list[str]:
        return sorted(await self._store.call("HKEYS", keys.HOSTS))

    async def _indexes(self, target: str | None, host: str | None) -> list[str]:
        if target is None:
            return [keys.HISTORY]
        hosts = [host] if host is not None else await self._host_names()
        return [keys.history(name, target) for name in hosts]

    async def _page(self, indexes: Sequence[str], before: str | None) -> list[str]:
        newest = f"({before}" if before else "+"
        answers = await self._store.pipe(
            [("ZREVRANGEBYLEX", index, newest, "-", "LIMIT", 0, _PAGE) for index in indexes]
        )
        return sorted({id_ for ids in answers for id_ in ids}, reverse=True)[:_PAGE]


@lru_cache(maxsize=1024)
def _read_view(text: str) -> TargetView:
    """A view as it is stored: most of them are the same at the next look, seconds later."""
    return TargetView.model_validate_json(text)
