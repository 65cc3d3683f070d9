"""The port that registries reach: hooks and a sign of life, nothing else."""

from __future__ import annotations

from aiohttp import web

from listener.telemetry import Metrics
from listener.web.batches import PushLog
from listener.web.hooks import Hooks
from listener.web.receiver import SERVER, Receiver, Views


def public_app(hooks: Hooks, push_log: PushLog, metrics: Metrics, views: Views) -> web.Application:
    """The application of the public port; run it without aiohttp's access log.

    `views` has all targets from memory, to tell which ones a push is for.
    """
    for name in hooks.names:
        metrics.hook_known(name)
    receiver = Receiver(hooks, push_log, metrics, views)
    # No middleware: it would take its share of every hook's time. What it could say is routed.
    app = web.Application()
    app.router.add_route("*", "/hooks/{name}", receiver.handle)
    app.router.add_route("*", "/hooks/{name}/{token}", receiver.handle)
    app.router.add_get("/healthz", _alive)
    app.router.add_route("*", "/healthz", _only_asked_for)
    app.router.add_route("*", "/{elsewhere:.*}", _nothing_here)
    return app


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok", headers=SERVER)


async def _only_asked_for(_request: web.Request) -> web.Response:
    headers = {**SERVER, "Allow": "GET, HEAD"}
    return web.json_response({"error": "method not allowed"}, status=405, headers=headers)


async def _nothing_here(_request: web.Request) -> web.Response:
    error = {"error": "nothing is served here: hooks are at /hooks/NAME"}
    return web.json_response(error, status=404, headers=SERVER)
