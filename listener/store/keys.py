"""Every key of this program in Redis.

None grows without end: each expires, has a cap, or holds at most one entry for each host, target
or deployment that is kept.
"""

from __future__ import annotations

import hashlib

PREFIX = "listener:"
SCHEMA = f"{PREFIX}schema"
PUSHES = f"{PREFIX}pushes"
DELIVERIES = f"{PREFIX}deliveries"
REFUSED = f"{PREFIX}refused"
EVENTS = f"{PREFIX}events"
HISTORY = f"{PREFIX}history"
HOSTS = f"{PREFIX}hosts"
PAUSED = f"{PREFIX}paused"

DEDUPE_SECONDS = 72 * 3600
"""A push that comes again within this time is the same push; covers GitHub's three days."""
PUSHES_SECONDS = 7 * 86400.0
PUSHES_CAP = 100_000
DELIVERIES_CAP = 20_000
REFUSED_CAP = 1_000
"""Strangers may make any number of requests: they push out nothing but each other."""
COMMANDS_CAP = 1_000
HISTORY_CAP = 200
OUTBOX_CAP = 1_000
EVENTS_CAP = 5_000
"""What is told of changes: enough for readers that were away for some minutes."""
ROLLOUT_SECONDS = 7 * 86400
"""Renewed as long as anybody takes part."""


def dedupe(key: str) -> str:
    """Where the id of the push with this dedupe key is remembered."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass"))
    return f"{PREFIX}dedupe:{digest.hexdigest()}"


def matches(push_id: str) -> str:
    """Hash host -> list of matches of one push; expires as the push does."""
    return f"{PREFIX}matches:{push_id}"


def commands(host: str) -> str:
    """Stream of commands for the worker of a host; what it took is deleted; it can be full."""
    return f"{PREFIX}commands:{host}"


def outbox(host: str) -> str:
    """Hash of the notices of a host that were not sent yet; each field is one for one notifier."""
    return f"{PREFIX}outbox:{host}"


def lanes(host: str) -> str:
    """Hash target -> lane; only lanes that hold something."""
    return f"{PREFIX}lanes:{host}"


def swaps(host: str) -> str:
    """Hash target -> journal of its running deployment."""
    return f"{PREFIX}swaps:{host}"


def memory(host: str) -> str:
    """Hash target -> what is known of it beyond what runs."""
    return f"{PREFIX}memory:{host}"


def views(host: str) -> str:
    """Hash target -> view, as its worker last published it."""
    return f"{PREFIX}views:{host}"


def history(host: str, target: str) -> str:
    """Sorted set of the deployment ids of one target; all scores 0, so sorted by id: by time.

    Capped together with the records and their place in `HISTORY`.
    """
    return f"{PREFIX}history:{host}:{target}"


def deployment(deployment_id: str) -> str:
    """The record of one deployment; lives as long as its place in the histories."""
    return f"{PREFIX}deployment:{deployment_id}"


def rollout(rollout_id: str) -> str:
    """Hash target@host -> the engine and the fence under which its worker said it takes part."""
    return f"{PREFIX}rollout:{rollout_id}"


def turns(rollout_id: str) -> str:
    """Sorted set of those in their turn now, by when they count as lost: ms of the epoch."""
    return f"{PREFIX}turns:{rollout_id}"


def rolling(rollout_id: str, what: str) -> str:
    """Hash of one digest on its way through the hosts: target@host -> how far it is."""
    return f"{PREFIX}rolling:{rollout_id}:{what}"


def member(target: str, host: str) -> str:
    """A target of a host, as rollouts and pauses name it."""
    return f"{target}@{host}"


def lease(engine_id: str) -> str:
    """Who may change the engine now."""
    return f"{PREFIX}lease:{engine_id}"


def fence(engine_id: str) -> str:
    """The last lease given for the engine, which begins with its number; outlives it."""
    return f"{PREFIX}fence:{engine_id}"


def group(host: str) -> str:
    """The consumer group of a host on the stream of pushes."""
    return f"host:{host}"


def paused(host: str, target: str) -> str:
    """The field of a target in the hash of pauses."""
    return member(target, host)
