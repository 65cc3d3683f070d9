"""One request to a hook: proved on its raw bytes, parsed, recorded by one call, then answered.

Nothing here asks a registry, an engine or the configuration file. What was decided is stored before
it is said: the pushes, and the delivery that brought them. Neither answers nor logs nor records
hold a token, and none holds the path, which may be one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from pydantic_core import to_json

from listener.matching import Shown
from listener.model.base import utc_now
from listener.model.delivery import Delivery, new_delivery_id
from listener.model.push import Push
from listener.providers import NotUnderstood, Parsed, Provider, Request
from listener.providers.payload import plain
from listener.providers.verify import Refused, admit_address, authenticate
from listener.store import Unavailable
from listener.telemetry import Metrics
from listener.web.batches import Batches, PushLog, Stored
from listener.web.hooks import Door, Hooks
from listener.web.intake import ShownPush, shown_push, take_in
from listener.web.limits import BodyRefused, RateLimits, read_body
from listener.web.peers import client_address
from listener.web.verdicts import Verdict, refusal, shown_reasons

SERVER = {"Server": "listener"}
TEST_HEADER = "X-Listener-Test"
"""Asks for everything but the storing: which pushes, for which targets."""
Views = Callable[[], Shown]
"""Every target, from memory."""

_JSON = {"Content-Type": "application/json"}
_RETRY_AFTER = {"Retry-After": "5"}
_NOT_STORED = "pushes cannot be stored now: send it again later"


class Receiver:
    """Answers requests to hooks; `hooks` may be replaced while it runs."""

    def __init__(self, hooks: Hooks, push_log: PushLog, metrics: Metrics, views: Views) -> None:
        self._hooks = hooks
        self._batches = Batches(push_log)
        self._metrics = metrics
        self._views = views
        self._rates = RateLimits()
        self._errands: set[asyncio.Task[None]] = set()
        # Bound once: the lazy proxy assembles a logger at every call.
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()

    async def handle(self, request: web.Request) -> web.Response:
        """Answers one request, whatever it is."""
        started, now = time.perf_counter(), utc_now()
        door = self._hooks.find(request.match_info["name"])
        peer = self._peer(request)
        verdict = await self._judge(door, request, peer, now)
        delivery = Delivery(
            id=new_delivery_id(now),
            hook=door.name if door else "",
            provider=door.provider.name if door else "",
            received_at=now,
            code=verdict.status,
            outcome=verdict.outcome,
            reason=verdict.reason,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
            peer=peer,
        )
        verdict, stored = await self._record(verdict, delivery)
        shown = self._shown(verdict, stored)
        self._count(delivery, verdict, shown, time.perf_counter() - started)
        return _respond(verdict, _body(verdict, shown))

    def _peer(self, request: web.Request) -> str | None:
        trusted = self._hooks.trusted_proxies
        if not trusted:
            return request.remote
        forwarded = request.headers.getall("X-Forwarded-For", ())
        return client_address(request.remote, forwarded, trusted)

    async def _judge(
        self, door: Door | None, request: web.Request, peer: str | None, now: datetime
    ) -> Verdict:
        """What a request comes to; whatever is wrong with it becomes an answer."""
        if door is None:
            return refusal(404, "no such hook", "there is no hook of this name")
        if request.method != "POST":
            return _other_method(door, request)
        try:
            return await self._receive(door, request, peer, now)
        except Refused as no:
            challenge = {"WWW-Authenticate": "Bearer"} if no.status == 401 else {}
            later = _RETRY_AFTER if no.status == 503 else {}
            return refusal(no.status, "refused", str(no), challenge | later)
        except BodyRefused as no:
            return refusal(no.status, "refused", str(no))
        except NotUnderstood as problem:
            return refusal(400, "not understood", str(problem))
        except Exception:
            self._log.exception("hook failed", hook=door.name)
            sentence = "this request could not be handled: see the log"
            return refusal(500, "failed", sentence)

    async def _receive(
        self, door: Door, request: web.Request, peer: str | None, now: datetime
    ) -> Verdict:
        """The way of a good request; what is wrong with a bad one is raised."""
        admit_address(door.hook, peer)
        if door.hook.rate_limit and (wait := self._rates.wait(door.name, door.hook.rate_limit)):
            sentence = f"this hook is called more often than it may be: wait {wait} s"
            return refusal(429, "limited", sentence, {"Retry-After": str(wait)})
        body = await read_body(request, self._hooks.max_body)
        sent = Request(request.headers, body, request.query if request.query_string else {})
        authenticate(door.provider, door.hook, sent, request.match_info.get("token"))
        if door.identity is not None:
            await door.identity.check(sent)
        if door.topics is not None and (url := await door.topics.check(sent)):
            self._run(door.topics.confirm(url))
        provider = door.provider.concrete(sent)
        try:
            parsed = provider.parse(sent, door.sender)
        except NotUnderstood as problem:
            if not provider.repeats_until_2xx:
                raise
            return Verdict(200, "ignored", reasons=(str(problem),))
        return self._decide(door, provider, parsed, now, TEST_HEADER in request.headers)

    def _decide(
        self, door: Door, provider: Provider, parsed: Parsed, now: datetime, test: bool
    ) -> Verdict:
        intake = take_in(door, provider, parsed, self._hooks.aliases, now)
        reasons = [*intake.ignored, *intake.forbidden]
        if test:
            targets = self._explained([push for push, _ in intake.pushes])
            return Verdict(200, "tested", reasons=reasons, reply={"targets": targets})
        if intake.pushes:
            return Verdict(202, "stored", pushes=intake.pushes, reasons=reasons)
        if intake.forbidden and not provider.repeats_until_2xx:
            raise Refused(403, intake.forbidden[0])
        return Verdict(
            200,
            "ignored",
            reasons=reasons,
            reply={key: plain(text) for key, text in parsed.reply.items()},
        )

    async def _record(self, verdict: Verdict, delivery: Delivery) -> tuple[Verdict, Stored]:
        """Stores what was decided; where that fails, an authentic sender is asked to repeat it."""
        try:
            return verdict, await self._batches.append(verdict.pushes, delivery)
        except (Unavailable, TimeoutError) as problem:
            error = str(problem) or "timed out"
            self._log.warning("delivery not stored", hook=delivery.hook, error=error)
            if verdict.status >= 400:
                return verdict, []
            return refusal(503, "unavailable", _NOT_STORED, _RETRY_AFTER), []
        except Exception:
            self._log.exception("hook failed", hook=delivery.hook)
            sentence = "this request could not be handled: see the log"
            return refusal(500, "failed", sentence), []

    def _shown(self, verdict: Verdict, stored: Stored) -> list[ShownPush]:
        return [
            shown_push(push, push_id, duplicate=duplicate, targets=self._views().reached(push))
            for (push, _), (push_id, duplicate) in zip(verdict.pushes, stored, strict=True)
        ]

    def _count(
        self, delivery: Delivery, verdict: Verdict, shown: Sequence[ShownPush], seconds: float
    ) -> None:
        hook, provider = delivery.hook, delivery.provider
        ids = [push["id"] for push in shown]
        duplicates = [push["duplicate"] for push in shown].count(True)
        self._metrics.hook_answered(hook, provider, verdict.status, seconds)
        if new := len(ids) - duplicates:
            self._metrics.push_outcome(hook, "stored", new)
        # Here and not by the workers: each of these would count what is for another one.
        if nothing := sum(not push["targets"] and not push["duplicate"] for push in shown):
            self._metrics.push_outcome(hook, "matched_nothing", nothing)
        if duplicates:
            self._metrics.push_outcome(hook, "duplicate", duplicates)
        if verdict.reasons:
            self._metrics.push_outcome(hook, "ignored", len(verdict.reasons))
        known = bool(ids) and duplicates == len(ids)
        self._log.info(
            "hook answered",
            delivery=delivery.id,
            hook=hook,
            provider=provider,
            code=verdict.status,
            outcome="duplicate" if known else verdict.outcome,
            reason=verdict.reason,
            pushes=ids,
            peer=delivery.peer,
            milliseconds=round(seconds * 1000, 2),
        )

    def _explained(self, pushes: list[Push]) -> list[dict[str, object]]:
        """For each push and target: whether the one is for the other, and why not."""
        return [
            {
                "image": push.image,
                "tag": push.tag,
                "target": f"{view.name}@{view.host}",
                "matches": reason is None,
                "reason": reason,
            }
            for push in pushes
            for view, reason in self._views().explained(push)
        ]

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        """Does in the background what a proof left to be done; the sender does not wait for it."""
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def _other_method(door: Door, request: web.Request) -> Verdict:
    """The handshake of CloudEvents, where it is configured: may this origin send here?

    Source: HTTP 1.1 Web Hooks for Event Delivery §4.
    """
    origin = request.headers.get("WebHook-Request-Origin", "").strip().lower()
    if request.method != "OPTIONS" or not origin or not door.hook.origins:
        return refusal(405, "wrong method", "a hook takes POST only", {"Allow": "POST"})
    if not {origin, "*"} & set(door.hook.origins):
        return refusal(403, "refused", "this origin is not allowed")
    rate = door.hook.rate_limit
    per_minute = max(1, int(rate.count * 60 / rate.seconds)) if rate else "*"
    allowed = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(per_minute)}
    return Verdict(200, "handshake", headers={"Allow": "POST", **allowed})


def _body(verdict: Verdict, shown: Sequence[ShownPush]) -> Mapping[str, object]:
    if verdict.error is not None:
        return {"error": verdict.error}
    return {"pushes": shown, "ignored": shown_reasons(verdict.reasons), **verdict.reply}


def _respond(verdict: Verdict, body: Mapping[str, object]) -> web.Response:
    headers = {**SERVER, **_JSON, **verdict.headers}
    return web.Response(status=verdict.status, body=to_json(body), headers=headers)
