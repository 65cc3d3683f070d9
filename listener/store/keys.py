"""Every key of this program in Redis, and what bounds it.

`BOUNDS` names for each pattern why it cannot grow without end: a time to live, a cap, or at most
one entry for each host or target.
"""

from __future__ import annotations

import hashlib

PREFIX = "listener:"
SCHEMA = f"{PREFIX}schema"
PUSHES = f"{PREFIX}pushes"
HISTORY = f"{PREFIX}history"
HOSTS = f"{PREFIX}hosts"
PAUSED = f"{PREFIX}paused"

DEDUPE_SECONDS = 72 * 3600
"""A push that comes again within this time is the same push; covers GitHub's three days."""
PUSHES_SECONDS = 7 * 86400.0
PUSHES_CAP = 100_000
COMMANDS_CAP = 1_000
HISTORY_CAP = 200

BOUNDS = {
    "schema": "one",
    "pushes": f"stream, {PUSHES_CAP} entries and `history.pushes` old",
    "dedupe:*": "expires",
    "matches:*": "expires",
    "commands:*": f"stream, {COMMANDS_CAP} entries; one for each host",
    "lanes:*": "hash, one field for each target with work",
    "swaps:*": "hash, one field for each target while its deployment runs",
    "memory:*": "hash, one field for each target",
    "views:*": "hash, one field for each target, replaced as a whole",
    "hosts": "hash, one field for each host",
    "paused": "hash, one field for each paused target",
    "history": "sorted set, one member for each kept deployment",
    "history:*": "sorted set, `history.deployments` members; one for each target",
    "deployment:*": "one for each member of a target's history",
    "lease:*": "expires",
    "fence:*": "one for each engine",
}


def dedupe(key: str) -> str:
    """Where the id of the push with this dedupe key is remembered."""
    return f"{PREFIX}dedupe:{hashlib.sha256(key.encode()).hexdigest()}"


def matches(push_id: str) -> str:
    """Hash host -> list of matches of one push."""
    return f"{PREFIX}matches:{push_id}"


def commands(host: str) -> str:
    """Stream of commands for the worker of a host."""
    return f"{PREFIX}commands:{host}"


def lanes(host: str) -> str:
    """Hash target -> lane."""
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
    """Sorted set of the deployment ids of one target; all scores 0, so sorted by id: by time."""
    return f"{PREFIX}history:{host}:{target}"


def deployment(deployment_id: str) -> str:
    """The record of one deployment."""
    return f"{PREFIX}deployment:{deployment_id}"


def lease(engine_id: str) -> str:
    """Who may change the engine now."""
    return f"{PREFIX}lease:{engine_id}"


def fence(engine_id: str) -> str:
    """The number of the last lease given for the engine; outlives the lease."""
    return f"{PREFIX}fence:{engine_id}"


def group(host: str) -> str:
    """The consumer group of a host on the stream of pushes."""
    return f"host:{host}"


def paused(host: str, target: str) -> str:
    """The field of a target in the hash of pauses."""
    return f"{target}@{host}"
