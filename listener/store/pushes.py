"""The log of pushes: one stream, read by each worker host through a group of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence

import structlog
from pydantic import ValidationError
from pydantic_core import to_json
from redis.exceptions import ResponseError

from listener.model.delivery import Delivery
from listener.model.push import Match, Push
from listener.store import keys, scripts
from listener.store.client import LONGEST_BLOCK, Argument, Reply, Store

log = structlog.get_logger(__name__)

CONSUMER = "worker"
_TELLING = 16
"""So much of a digest tells two pushes of one tag apart."""


class PushLog:
    """Appends and reads pushes; entries older than `max_age` seconds are dropped."""

    def __init__(self, store: Store, *, max_age: float = keys.PUSHES_SECONDS) -> None:
        self._store = store
        self._max_age = max_age

    async def append(
        self,
        pushes: Sequence[tuple[Push, str]],
        deliveries: Sequence[tuple[Delivery, int]] = (),
    ) -> list[tuple[str, bool]]:
        """Stores pushes with their dedupe keys, and the deliveries that brought them, in one step.

        With each delivery comes the number of pushes that are its own; they follow each other as
        the deliveries do. Answers for each push the id under which it is stored and whether it was
        known already. The answer is the same when the call or the sender repeats it. Raises
        `Unavailable`; then it may be stored or not, and repeating is right.
        """
        if not pushes and not deliveries:
            return []
        arguments: list[Argument] = [
            keys.PUSHES_CAP,
            keys.DELIVERIES_CAP,
            keys.REFUSED_CAP,
            round(self._max_age * 1000),
            keys.DEDUPE_SECONDS,
            len(pushes),
        ]
        for push, _ in pushes:
            arguments += [push.id, to_json(push), (push.digest or "")[-_TELLING:]]
        for delivery, count in deliveries:
            arguments += [2 if delivery.authentic else 3, to_json(delivery), count]
        streams = (keys.PUSHES, keys.DELIVERIES, keys.REFUSED)
        names = [*streams, *(keys.dedupe(key) for _, key in pushes)]
        stored = await self._store.run(scripts.APPEND, names, arguments)
        return [(known, known != push.id) for known, (push, _) in zip(stored, pushes, strict=True)]

    async def read(self, host: str, count: int, block: float) -> list[tuple[str, Push]]:
        """The next pushes for a host, as (entry id, push), at most `count`.

        The same entries come with every call, and no others, until they are acknowledged by
        `Ledger.admit`; so also after a restart. Waits up to `block` seconds (at most 3) for one,
        then answers [].
        """
        try:
            entries = await self._read(host, count, "0", 0) or await self._read(
                host, count, ">", min(block, LONGEST_BLOCK)
            )
        except ResponseError as fault:
            # The group is not there yet, or the data were deleted, perhaps while we waited.
            if not str(fault).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self._create_group(host)
            return []
        return await self._decode(host, entries)

    async def _read(self, host: str, count: int, start: str, block: float) -> list[Reply]:
        waiting: tuple[Argument, ...] = ("BLOCK", max(1, round(block * 1000))) if block > 0 else ()
        command = ("XREADGROUP", "GROUP", keys.group(host), CONSUMER, "COUNT", count, *waiting)
        answer = await self._store.call(*command, "STREAMS", keys.PUSHES, start)
        return answer[0][1] if answer else []

    async def _create_group(self, host: str) -> None:
        try:
            await self._store.call(
                "XGROUP", "CREATE", keys.PUSHES, keys.group(host), "0", "MKSTREAM"
            )
        except ResponseError as fault:
            if not str(fault).startswith("BUSYGROUP"):
                raise

    async def _decode(self, host: str, entries: list[Reply]) -> list[tuple[str, Push]]:
        found: list[tuple[str, Push]] = []
        for entry_id, fields in entries:
            push = read_push(fields)
            if push is not None:
                found.append((entry_id, push))
                continue
            log.warning("push entry dropped: it is not a push", entry=entry_id, host=host)
            await self._store.call("XACK", keys.PUSHES, keys.group(host), entry_id)
        return found


def read_push(fields: Reply) -> Push | None:
    """The push of a stream entry; None where it was trimmed away or is something else."""
    if not fields:
        return None
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        return Push.model_validate_json(values.get("push", ""))
    except ValidationError:
        return None


def dump_matches(matches: Sequence[Match]) -> str:
    """The matches of one host as they are stored."""
    return json.dumps([match.model_dump(mode="json") for match in matches])
