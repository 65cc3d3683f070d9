"""What hosts have not begun, in a few round trips for however many hosts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from listener.model.base import Noun
from listener.model.deployment import Deployment, State
from listener.store import keys
from listener.store.client import Reply, Store
from listener.store.lanes import Lane

_CAP = 1_000
"""Above this the depth of a queue says "many"; counting further would only cost."""


class Queue(Noun):
    """What a host has not begun: unread pushes and commands, waiting deployments.

    `oldest_seconds` is how long the oldest of them waits; 0 where there are none.
    """

    depth: int = 0
    oldest_seconds: float = 0.0


async def read_queues(store: Store, hosts: Sequence[str]) -> dict[str, Queue]:
    """The queue of each of these hosts. Raises `Unavailable`."""
    delivered = await _delivered(store)
    # Most hosts have read the same, so most of them have the same before them.
    unread = await _unread(store, sorted({delivered.get(host, "0") for host in hosts}))
    commands = await store.pipe(
        [("XRANGE", keys.commands(host), "-", "+", "COUNT", _CAP) for host in hosts]
    )
    readers = [host for host in hosts if host in delivered]
    pending = await store.pipe([("XPENDING", keys.PUSHES, keys.group(host)) for host in readers])
    in_hand = dict(zip(readers, pending, strict=True))
    waiting = await _waiting(store, hosts)
    return {
        host: _queue(
            entries=[*unread[delivered.get(host, "0")], *told],
            in_hand=in_hand.get(host, (0, None)),
            waiting=waiting[host],
        )
        for host, told in zip(hosts, commands, strict=True)
    }


def _queue(entries: Reply, in_hand: Reply, waiting: Sequence[Deployment | None]) -> Queue:
    since = [_seconds(entry_id) for entry_id, _ in entries]
    count, oldest, *_ = in_hand
    since += [_seconds(oldest)] if count else []
    since += [
        record.queued_at.timestamp()
        for record in waiting
        if record is not None and record.state is not State.WAITING
    ]
    return Queue(
        depth=len(waiting) + count + len(entries),
        oldest_seconds=max(0.0, time.time() - min(since)) if since else 0.0,
    )


async def _delivered(store: Store) -> dict[str, str]:
    """Each host that ever read -> the last entry that was delivered to it."""
    if not await store.call("EXISTS", keys.PUSHES):
        return {}
    found: dict[str, str] = {}
    for fields in await store.call("XINFO", "GROUPS", keys.PUSHES):
        facts = dict(zip(fields[::2], fields[1::2], strict=True))
        found[facts["name"].removeprefix(keys.group(""))] = facts["last-delivered-id"]
    return found


async def _unread(store: Store, places: Sequence[str]) -> dict[str, Reply]:
    """The entries behind each place in the stream of pushes."""
    answers = await store.pipe(
        [("XRANGE", keys.PUSHES, f"({place}", "+", "COUNT", _CAP) for place in places]
    )
    return dict(zip(places, answers, strict=True))


async def _waiting(store: Store, hosts: Sequence[str]) -> dict[str, list[Deployment | None]]:
    answers = await store.pipe([("HVALS", keys.lanes(host)) for host in hosts])
    ids = {
        host: [lane.waiting for lane in map(Lane.model_validate_json, texts) if lane.waiting]
        for host, texts in zip(hosts, answers, strict=True)
    }
    wanted = [id_ for some in ids.values() for id_ in some]
    texts = await store.call("MGET", *map(keys.deployment, wanted)) if wanted else []
    records = {
        id_: Deployment.model_validate_json(text) if text else None
        for id_, text in zip(wanted, texts, strict=True)
    }
    return {host: [records[id_] for id_ in some] for host, some in ids.items()}


def _seconds(entry_id: Reply) -> float:
    """When a stream entry was made, in seconds of the epoch: the first half of its id."""
    return int(str(entry_id).split("-", 1)[0]) / 1000
