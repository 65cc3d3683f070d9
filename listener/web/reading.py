"""The reading calls of the API: what workers published and what came of it."""

from __future__ import annotations

import json

from aiohttp import web

from listener.store import Archive, Fleet, Incoming, Queue
from listener.web.arguments import read_id, read_limit, read_query, read_state
from listener.web.lookup import expect_target, find_deployment, find_target, split_name
from listener.web.shapes import (
    delivery_json,
    deployment_json,
    host_json,
    memory_json,
    push_json,
    target_json,
)
from listener.web.strips import Strips


class Reading:
    """The GET handlers over one archive, the fleet and the log of pushes."""

    def __init__(self, archive: Archive, fleet: Fleet, incoming: Incoming) -> None:
        self._archive = archive
        self._fleet = fleet
        self._incoming = incoming
        self._strips = Strips(archive)

    async def targets(self, request: web.Request) -> web.Response:
        """All targets of all hosts, by name; `recent` adds so many past deployments to each."""
        recent = read_query(request.query, ("recent",)).get("recent")
        views = await self._archive.targets()
        pauses = await self._archive.pauses()
        shown = [target_json(view, pauses.get((view.name, view.host))) for view in views]
        if recent is None:
            return web.json_response({"targets": shown})
        count = read_limit(recent, name="recent", most=50)
        strips = await self._strips.of(views, count)
        # The strips are most of it, and were written when they were first asked for.
        whole = [
            f'{json.dumps(target)[:-1]},"recent":{strip}}}'
            for target, strip in zip(shown, strips, strict=True)
        ]
        text = f'{{"targets":[{",".join(whole)}]}}'
        return web.Response(text=text, content_type="application/json")

    async def digests(self, request: web.Request) -> web.Response:
        """What one target can go back to, and what it was taken back from."""
        read_query(request.query, ())
        view = await find_target(self._archive, request.match_info["name"])
        return web.json_response(memory_json(await self._archive.memory(view.host, view.name)))

    async def target(self, request: web.Request) -> web.Response:
        """The one target of that name, in the same shape as all of them."""
        read_query(request.query, ())
        view = await find_target(self._archive, request.match_info["name"])
        pauses = await self._archive.pauses()
        return web.json_response(
            {"targets": [target_json(view, pauses.get((view.name, view.host)))]}
        )

    async def deployments(self, request: web.Request) -> web.Response:
        """Deployments, newest first; `before` is the id of one: only older ones follow it."""
        asked = read_query(request.query, ("target", "state", "limit", "before"))
        name, host = split_name(asked.get("target"))
        found = await self._archive.deployments(
            target=name,
            host=host,
            state=read_state(asked.get("state")),
            limit=read_limit(asked.get("limit")),
            before=read_id(asked.get("before")),
        )
        if name is not None and not found:
            await expect_target(self._archive, name, host)
        return web.json_response({"deployments": [deployment_json(each) for each in found]})

    async def deployment(self, request: web.Request) -> web.Response:
        """One deployment with its steps and the last lines of a container that failed."""
        read_query(request.query, ())
        found = await find_deployment(self._archive, request.match_info["id"])
        return web.json_response(deployment_json(found, logs=True))

    async def pushes(self, request: web.Request) -> web.Response:
        """The newest pushes and which targets they matched."""
        asked = read_query(request.query, ("limit",))
        found = await self._incoming.pushes(read_limit(asked.get("limit")))
        return web.json_response({"pushes": [push_json(each.push, each.matches) for each in found]})

    async def deliveries(self, request: web.Request) -> web.Response:
        """The newest requests to hooks, those that were refused among them; `hook` narrows it."""
        asked = read_query(request.query, ("limit", "hook"))
        found = await self._incoming.deliveries(read_limit(asked.get("limit")), asked.get("hook"))
        return web.json_response({"deliveries": [delivery_json(each) for each in found]})

    async def hosts(self, request: web.Request) -> web.Response:
        """The workers, which of them are alive and what waits for each."""
        read_query(request.query, ())
        hosts = await self._archive.hosts()
        alive = await self._fleet.alive(hosts)
        queue = await self._archive.queue()
        shown = [
            host_json(host, queue.get(host.name, Queue()), alive=host.name in alive)
            for host in hosts
        ]
        return web.json_response({"hosts": shown})
