"""The admin port: the API, metrics and readiness over what the store holds.

It reads what workers publish and sends them commands; it performs nothing itself. Every answer
under ``/api/v1`` is JSON, every error ``{"error": "one sentence"}``. Who may call is in
`listener.web.auth`, the shapes of the answers are in `listener.web.shapes`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from listener.store import Archive, Changes, Fleet, Incoming, PushLog, Store, Unavailable
from listener.web.arguments import BadArgument, did_you_mean
from listener.web.auth import SESSION, Gate
from listener.web.commands import Commands
from listener.web.events import Events
from listener.web.forgetting import Forgetting
from listener.web.lookup import Refused
from listener.web.metrics_page import MetricsPage
from listener.web.pages import Pages, strict
from listener.web.reading import Reading
from listener.web.replays import Replays
from listener.web.signing_in import SigningIn
from listener.web.tidings import Tidings

Ready = Callable[[], Awaitable[list[str]]]
"""Asks what is not ready: sentences, none of them when all is."""

_log = structlog.get_logger(__name__)
_LARGEST_BODY = 64 * 1024
_RETRY_AFTER = "5"
_FRONT = """listener: deploys the image that was just pushed, and takes it back when it is sick.

API      GET  /api/v1/targets, /api/v1/deployments, /api/v1/pushes, /api/v1/deliveries,
              /api/v1/hosts, /api/v1/events
         POST /api/v1/targets/NAME/deploy, /rollback, /pause, /resume
         POST /api/v1/deployments/ID/approve, /cancel, /api/v1/pushes/ID/replay
         DELETE /api/v1/hosts/NAME
Metrics  GET  /metrics
Probes   GET  /healthz, /readyz
Shell    listener status, listener deploy NAME --wait, listener --help
"""


def admin_app(
    store: Store, pushes: PushLog, metrics: MetricsPage, gate: Gate, ready: Ready
) -> web.Application:
    """The application to serve on the admin port."""
    app = web.Application(middlewares=[_errors, _entrance(gate)], client_max_size=_LARGEST_BODY)
    archive, fleet, incoming = Archive(store), Fleet(store), Incoming(store)
    reading, commands = Reading(archive, fleet, incoming), Commands(archive)
    events = Events(Changes(store), Tidings(archive, fleet, incoming))
    pages, signing_in = Pages(_FRONT), SigningIn(gate)
    app.on_response_prepare.append(strict)
    app.on_shutdown.append(events.close)
    api = "/api/v1"
    app.add_routes(
        [
            web.get("/", pages.front),
            web.get("/dashboard/{path:.+}", pages.file),
            web.get(SESSION, signing_in.show),
            web.post(SESSION, signing_in.begin),
            web.delete(SESSION, signing_in.end),
            web.get("/healthz", _alive),
            web.get("/readyz", _readiness(ready, store)),
            web.get("/metrics", _metrics(metrics)),
            web.get(f"{api}/targets", reading.targets),
            web.get(f"{api}/targets/{{name}}", reading.target),
            web.get(f"{api}/targets/{{name}}/digests", reading.digests),
            web.get(f"{api}/deployments", reading.deployments),
            web.get(f"{api}/deployments/{{id}}", reading.deployment),
            web.get(f"{api}/pushes", reading.pushes),
            web.get(f"{api}/deliveries", reading.deliveries),
            web.get(f"{api}/hosts", reading.hosts),
            web.delete(f"{api}/hosts/{{name}}", Forgetting(archive, fleet).host),
            web.get(f"{api}/events", events.stream, allow_head=False),
            web.post(f"{api}/pushes/{{id}}/replay", Replays(incoming, pushes).replay),
            web.post(f"{api}/targets/{{name}}/deploy", commands.deploy),
            web.post(f"{api}/targets/{{name}}/rollback", commands.rollback),
            web.post(f"{api}/targets/{{name}}/pause", commands.pause),
            web.post(f"{api}/targets/{{name}}/resume", commands.resume),
            web.post(f"{api}/deployments/{{id}}/approve", commands.approve),
            web.post(f"{api}/deployments/{{id}}/cancel", commands.cancel),
        ]
    )
    return app


def _error(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)


def _entrance(gate: Gate) -> Middleware:
    @web.middleware
    async def entrance(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = gate.refusal(request.method, request.path, request.headers)
        if refusal is None:
            return await handler(request)
        headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
        return _error(refusal.status, refusal.sentence, headers)

    return entrance


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever goes wrong into a status and one sentence."""
    try:
        return await handler(request)
    except BadArgument as problem:
        return _error(400, str(problem))
    except Refused as refused:
        return _error(refused.status, str(refused))
    except Unavailable as problem:
        return _error(503, str(problem), {"Retry-After": _RETRY_AFTER})
    except web.HTTPException as problem:
        return _http_error(request, problem)
    except Exception:
        _log.exception("the admin port failed to answer", method=request.method, path=request.path)
        return _error(500, "something went wrong here: the log of this process says what")


def _http_error(request: web.Request, problem: web.HTTPException) -> web.Response:
    if isinstance(problem, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(problem.allowed_methods))
        sentence = f"{request.path} does not take {request.method}, only {allowed}"
        return _error(405, sentence, {"Allow": allowed})
    if isinstance(problem, web.HTTPNotFound):
        paths = {str(r.canonical) for r in request.app.router.resources()}
        return _error(404, f"there is no {request.path} here{did_you_mean(request.path, paths)}")
    if isinstance(problem, web.HTTPRequestEntityTooLarge):
        return _error(413, f"the body is larger than {_LARGEST_BODY // 1024} KiB")
    return _error(problem.status, problem.reason)


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def _readiness(ready: Ready, store: Store) -> Handler:
    async def readiness(_: web.Request) -> web.StreamResponse:
        problems = await ready()
        if not problems:
            return web.Response(text=f"ok, with Redis at {store.where}")
        return _error(503, f"not ready: {'; '.join(problems)}", {"Retry-After": _RETRY_AFTER})

    return readiness


def _metrics(page: MetricsPage) -> Handler:
    async def metrics(request: web.Request) -> web.StreamResponse:
        body, content_type = await page.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    return metrics
