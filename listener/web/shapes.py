"""What the API shows: nouns in, JSON out, field by field, so that nothing is shown by accident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from listener.model.base import rfc3339
from listener.model.delivery import Delivery
from listener.model.deployment import Deployment, Step
from listener.model.push import Match, Push
from listener.model.target import Memory, Pause
from listener.model.view import HostView, LastDeployment, TargetView
from listener.store import Queue

Json = dict[str, object]


def target_json(view: TargetView, pause: Pause | None) -> Json:
    """A target; a pause counts at once, before the worker has published its view again."""
    state, reason = view.state, view.reason
    if pause is not None and state in ("idle", "waiting"):
        state, reason = "paused", pause.reason
    elif pause is None and state == "paused":
        state, reason = "idle", None
    return {
        "name": view.name,
        "host": view.host,
        "driver": view.driver,
        "image": view.image,
        "tag": view.tag,
        "policy": str(view.policy) if view.policy is not None else None,
        "digest": view.digest,
        "last_good_digest": view.last_good_digest,
        "since": _moment(view.since),
        "health": view.health,
        "state": state,
        "reason": reason,
        "last_deployment": _last(view.last_deployment),
    }


def deployment_json(deployment: Deployment, *, logs: bool = False) -> Json:
    """A deployment; its container's last lines only where one deployment is asked for."""
    shown: Json = {
        "id": deployment.id,
        "target": deployment.target,
        "host": deployment.host,
        "trigger": deployment.trigger.value,
        "image": deployment.image,
        "tag": deployment.tag,
        "from_digest": deployment.from_digest,
        "to_digest": deployment.to_digest,
        "state": deployment.state.value,
        "reason": deployment.reason,
        "force": deployment.force,
        "dry_run": deployment.dry_run,
        "cause": deployment.cause,
        "pushes": list(deployment.pushes),
        "queued_at": rfc3339(deployment.queued_at),
        "approved_at": _moment(deployment.approved_at),
        "started_at": _moment(deployment.started_at),
        "finished_at": _moment(deployment.finished_at),
        "gap_seconds": deployment.gap_seconds,
        "source": deployment.source and deployment.source.model_dump(),
        "plan": list(deployment.plan),
        "steps": [_step(step) for step in deployment.steps],
    }
    return {**shown, "logs": list(deployment.logs)} if logs else shown


def outcome_json(deployment: Deployment) -> Json:
    """A past deployment as a strip shows it."""
    return {
        "id": deployment.id,
        "tag": deployment.tag,
        "state": deployment.state.value,
        "dry_run": deployment.dry_run,
        "finished_at": _moment(deployment.finished_at),
    }


def memory_json(memory: Memory) -> Json:
    """The digests that a target can go back to, newest first, and those it was taken back from."""
    return {
        "good": [
            {
                "digest": good.digest,
                "tag": good.tag,
                "deployment": good.deployment,
                "at": rfc3339(good.at),
            }
            for good in memory.good
        ],
        "bad": [
            {
                "digest": bad.digest,
                "deployment": bad.deployment,
                "reason": bad.reason,
                "at": rfc3339(bad.at),
            }
            for bad in memory.bad
        ],
    }


def push_json(push: Push, matches: Sequence[Match]) -> Json:
    """A push, where it came from, the targets it matched, and what each of its image made of it."""
    return {
        "id": push.id,
        "hook": push.hook,
        "provider": push.provider,
        "image": push.image,
        "tag": push.tag,
        "digest": push.digest,
        "actor": push.actor,
        "occurred_at": _moment(push.occurred_at),
        "received_at": rfc3339(push.received_at),
        "delivery": push.delivery,
        "replay_of": push.replay_of,
        "targets": sorted({match.target for match in matches if match.deployment}),
        "matches": [match.model_dump(mode="json") for match in matches],
    }


def delivery_json(delivery: Delivery) -> Json:
    """A request to a hook and how it was answered."""
    return {
        "id": delivery.id,
        "hook": delivery.hook,
        "provider": delivery.provider,
        "received_at": rfc3339(delivery.received_at),
        "code": delivery.code,
        "outcome": delivery.outcome,
        "reason": delivery.reason,
        "pushes": list(delivery.pushes),
        "milliseconds": delivery.milliseconds,
        "peer": delivery.peer,
    }


def host_json(host: HostView, queue: Queue, *, alive: bool) -> Json:
    """A worker, with how many deployments wait for it and how long the oldest has."""
    return {
        "name": host.name,
        "alive": alive,
        "engine_version": host.engine_version,
        "last_seen": rfc3339(host.last_seen),
        "running": list(host.running),
        "queue_depth": queue.depth,
        "queue_oldest_seconds": queue.oldest_seconds,
    }


def _last(last: LastDeployment | None) -> Json | None:
    if last is None:
        return None
    return {
        "id": last.id,
        "state": last.state.value,
        "reason": last.reason,
        "finished_at": _moment(last.finished_at),
    }


def _step(step: Step) -> Json:
    return {
        "name": step.name,
        "started_at": rfc3339(step.started_at),
        "finished_at": _moment(step.finished_at),
        "detail": step.detail,
        "progress": _progress(step),
    }


def _progress(step: Step) -> Json | None:
    """How far a step under way is: by layer, or by the terms of its watch."""
    if step.layers:
        return {"layers": [layer.model_dump(mode="json") for layer in step.layers]}
    if step.proof is None:
        return None
    proof = step.proof
    return {
        "health": {
            "deadline": rfc3339(proof.deadline),
            "good_since": _moment(proof.good_since),
            "settles_at": _moment(proof.settles_at),
            "said": proof.said,
        }
    }


def _moment(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
