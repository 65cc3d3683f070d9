"""Whether a push that was answered with 202 survives a crash of Redis."""

from __future__ import annotations

from redis.exceptions import ResponseError

from listener.model.base import Noun
from listener.store.client import Argument, Store
from listener.store.errors import Unavailable


class Durability(Noun):
    """`durable` is None where Redis does not tell; `findings` are sentences, worst first."""

    durable: bool | None
    findings: tuple[str, ...] = ()


async def durability(store: Store) -> Durability:
    """Reads how this Redis keeps data. Raises `Unavailable` only where it does not answer."""
    await store.look()
    facts = {
        **await _info(store, "persistence"),
        **await _info(store, "memory"),
        **await _info(store, "replication"),
    }
    policy = await _setting(store, "appendfsync")
    bad = [
        *_write_faults(facts),
        *_loss(facts, policy),
        *_eviction(facts),
        *_failover(facts, behind_sentinels=store.behind_sentinels),
    ]
    unknown: list[str] = []
    if "aof_enabled" not in facts:
        unknown.append("unknown whether Redis writes an append-only file: INFO is not allowed here")
    elif facts["aof_enabled"] == "1" and policy is None:
        unknown.append(
            "unknown how often Redis flushes its append-only file: CONFIG GET is not allowed here"
        )
    if "maxmemory_policy" not in facts:
        unknown.append("unknown whether Redis evicts data when its memory is full")
    durable = False if bad else None if unknown else True
    return Durability(durable=durable, findings=(*bad, *unknown))


def _write_faults(facts: dict[str, str]) -> list[str]:
    found = []
    if facts.get("aof_last_write_status", "ok") != "ok":
        found.append("the last write of the append-only file failed: is the disk full?")
    if int(facts.get("aof_delayed_fsync") or 0) > 0:
        found.append(
            f"the disk of Redis is too slow: {facts['aof_delayed_fsync']} flushes were delayed,"
            " and what is answered meanwhile can be lost"
        )
    return found


def _loss(facts: dict[str, str], policy: str | None) -> list[str]:
    if facts.get("aof_enabled") == "0":
        return [
            "no append-only file: a crash loses everything since the last snapshot;"
            " set appendonly yes and appendfsync always"
        ]
    if facts.get("aof_enabled") == "1" and policy == "everysec":
        return ["appendfsync everysec: a power failure can lose 2 s of pushes; set it to always"]
    if facts.get("aof_enabled") == "1" and policy == "no":
        return ["appendfsync no: a power failure can lose 30 s of pushes; set it to always"]
    return []


def _eviction(facts: dict[str, str]) -> list[str]:
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy == "noeviction" or facts.get("maxmemory", "0") == "0":
        return []
    return [f"maxmemory-policy {policy} deletes data when memory is full; set it to noeviction"]


def _failover(facts: dict[str, str], *, behind_sentinels: bool) -> list[str]:
    if not behind_sentinels and facts.get("connected_slaves", "0") == "0":
        return []
    # Redis counts good replicas only where it is told to refuse writes without them.
    if "min_slaves_good_slaves" in facts:
        return []
    return [
        "min-replicas-to-write 0: without a replica it goes on taking pushes, which a failover"
        " loses; set it to 1"
    ]


async def _info(store: Store, section: str) -> dict[str, str]:
    text = await _allowed(store, "INFO", section)
    lines = text.splitlines() if isinstance(text, str) else []
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def _setting(store: Store, name: str) -> str | None:
    answer = await _allowed(store, "CONFIG", "GET", name)
    return str(answer[1]) if isinstance(answer, list) and len(answer) == 2 else None


async def _allowed(store: Store, *command: Argument) -> object:
    """What a command answers; None where this user or service may not use it."""
    try:
        answer: object = await store.call(*command)
    except (ResponseError, Unavailable):
        # Refused by an ACL, or unknown because the service renamed it. One that is away was
        # found by the ping before.
        return None
    return answer
