"""The port that registries reach: hooks and a sign of life, nothing else.

A hook request is authenticated on its raw bytes, parsed, stored by one call and answered; nothing
here asks a registry, an engine or the configuration file. Answers are JSON: what was stored and
what was passed over, or ``{"error": "one sentence"}``. Neither answers nor logs hold a token, and
no log holds the path, which may be one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from listener.model.base import utc_now
from listener.model.push import Push
from listener.providers import NotUnderstood, Request
from listener.providers.verify import Refused, admit_address, authenticate
from listener.store import Unavailable
from listener.telemetry import Metrics, PushOutcome
from listener.web.batches import Batches, PushLog
from listener.web.hooks import Door, Hooks
from listener.web.intake import Intake, shown_push, take_in
from listener.web.limits import BodyRefused, read_body

_RETRY_AFTER = {"Retry-After": "5"}
_WRONG_METHOD = "a hook takes POST only"
_SERVER = {"Server": "listener"}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Mapping[str, object]
    outcome: str
    reason: str | None = None
    pushes: list[str] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)


def public_app(
    hooks: Hooks,
    push_log: PushLog,
    metrics: Metrics,
    targets_hint: Callable[[Push], list[str]],
) -> web.Application:
    """The application of the public port; run it without aiohttp's access log.

    `hooks` may be replaced while it runs. `targets_hint` names the targets that a push is expected
    to match, from memory.
    """
    for name in hooks.names:
        metrics.hook_known(name)
    receiver = _Receiver(hooks, push_log, metrics, targets_hint)
    # No middleware: it would take its share of every hook's time. What it could say is routed.
    app = web.Application()
    app.router.add_route("*", "/hooks/{name}", receiver.handle)
    app.router.add_route("*", "/hooks/{name}/{token}", receiver.handle)
    app.router.add_get("/healthz", _alive)
    app.router.add_route("*", "/healthz", _only_asked_for)
    app.router.add_route("*", "/{elsewhere:.*}", _nothing_here)
    return app


class _Receiver:
    def __init__(
        self,
        hooks: Hooks,
        push_log: PushLog,
        metrics: Metrics,
        targets_hint: Callable[[Push], list[str]],
    ) -> None:
        self._hooks = hooks
        self._batches = Batches(push_log)
        self._metrics = metrics
        self._targets_hint = targets_hint
        # Bound once: the lazy proxy assembles a logger at every call.
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()

    async def handle(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        door = self._hooks.find(request.match_info["name"])
        answer = await self._answer(door, request)
        hook, provider = (door.name, door.provider.name) if door else ("", "")
        seconds = time.perf_counter() - started
        self._metrics.hook_answered(hook, provider, answer.status, seconds)
        self._log.info(
            "hook answered",
            hook=hook,
            provider=provider,
            code=answer.status,
            outcome=answer.outcome,
            reason=answer.reason,
            pushes=answer.pushes,
            peer=request.remote,
            milliseconds=round(seconds * 1000, 2),
        )
        return _respond(answer.status, answer.body, answer.headers)

    async def _answer(self, door: Door | None, request: web.Request) -> _Answer:
        if door is None:
            return _error(404, "there is no hook of this name", "no such hook")
        if request.method != "POST":
            return _error(405, _WRONG_METHOD, "wrong method", {"Allow": "POST"})
        try:
            return await self._receive(door, request)
        except Refused as no:
            challenge = {"WWW-Authenticate": "Bearer"} if no.status == 401 else {}
            return _error(no.status, str(no), "refused", challenge)
        except BodyRefused as no:
            return _error(no.status, str(no), "refused")
        except NotUnderstood as problem:
            return _error(400, str(problem), "not understood")
        except (Unavailable, TimeoutError) as problem:
            self._log.warning("push not stored", hook=door.name, error=str(problem) or "timed out")
            return _error(
                503, "pushes cannot be stored now: send it again later", "unavailable", _RETRY_AFTER
            )
        except Exception:
            self._log.exception("hook failed", hook=door.name)
            return _error(500, "this request could not be handled: see the log", "failed")

    async def _receive(self, door: Door, request: web.Request) -> _Answer:
        """The way of a good request; what is wrong with a bad one is raised."""
        admit_address(door.hook, request.remote)
        body = await read_body(request, self._hooks.max_body)
        sent = Request(request.headers, body, request.query if request.query_string else {})
        authenticate(door.provider, door.hook, sent, request.match_info.get("token"))
        provider = door.provider.concrete(sent)
        try:
            parsed = provider.parse(sent, door.sender)
        except NotUnderstood as problem:
            if not provider.repeats_until_2xx:
                raise
            self._count(door, "ignored", 1)
            return _passed_over([str(problem)])
        intake = take_in(door, provider, parsed, self._hooks.aliases, utc_now())
        if intake.pushes:
            return await self._store(door, intake)
        if intake.forbidden and not provider.repeats_until_2xx:
            raise Refused(403, intake.forbidden[0])
        reasons = [*intake.ignored, *intake.forbidden]
        self._count(door, "ignored", len(reasons))
        return _passed_over(reasons)

    async def _store(self, door: Door, intake: Intake) -> _Answer:
        stored = await self._batches.append(intake.pushes)
        duplicates = sum(duplicate for _, duplicate in stored)
        reasons = [*intake.ignored, *intake.forbidden]
        self._count(door, "stored", len(stored) - duplicates)
        self._count(door, "duplicate", duplicates)
        self._count(door, "ignored", len(reasons))
        pushes = [
            shown_push(push, push_id, duplicate=duplicate, targets=self._targets_hint(push))
            for (push, _), (push_id, duplicate) in zip(intake.pushes, stored, strict=True)
        ]
        return _Answer(
            status=202,
            body={"pushes": pushes, "ignored": _shown_reasons(reasons)},
            outcome="duplicate" if duplicates == len(stored) else "stored",
            pushes=[push_id for push_id, _ in stored],
        )

    def _count(self, door: Door, outcome: PushOutcome, count: int) -> None:
        if count:
            self._metrics.push_outcome(door.name, outcome, count)


async def _alive(_request: web.Request) -> web.Response:
    return web.Response(text="ok", headers=_SERVER)


async def _only_asked_for(_request: web.Request) -> web.Response:
    return _respond(405, {"error": "method not allowed"}, {"Allow": "GET, HEAD"})


async def _nothing_here(_request: web.Request) -> web.Response:
    return _respond(404, {"error": "nothing is served here: hooks are at /hooks/NAME"})


def _error(
    status: int, sentence: str, outcome: str, headers: Mapping[str, str] | None = None
) -> _Answer:
    return _Answer(status, {"error": sentence}, outcome, reason=sentence, headers=headers or {})


def _passed_over(reasons: list[str]) -> _Answer:
    body = {"pushes": [], "ignored": _shown_reasons(reasons)}
    return _Answer(200, body, "ignored", reason=reasons[0])


def _shown_reasons(reasons: list[str]) -> list[dict[str, str]]:
    """Each reason once: an envelope may hold a thousand layers."""
    return [
        {"reason": reason if count == 1 else f"{reason} ({count} events)"}
        for reason, count in Counter(reasons).items()
    ]


def _respond(
    status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> web.Response:
    sent = {**_SERVER, **_JSON, **(headers or {})}
    return web.Response(status=status, body=json.dumps(body).encode(), headers=sent)
