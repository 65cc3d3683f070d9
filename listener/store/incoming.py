"""What came in, for readers: pushes and what became of them, deliveries that brought them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pydantic import TypeAdapter, ValidationError

from listener.model.base import Noun
from listener.model.delivery import Delivery
from listener.model.push import Match, Push
from listener.store import keys
from listener.store.client import Store
from listener.store.pushes import read_push

_MATCHES = TypeAdapter(tuple[Match, ...])
_PAGE = 500


class PushRecord(Noun):
    """A push and what the targets made of it."""

    push: Push
    matches: tuple[Match, ...] = ()


class Incoming:
    """Reads the logs of pushes and of deliveries. All methods raise `Unavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def pushes(self, limit: int) -> list[PushRecord]:
        """The newest pushes first, with what each host's targets made of them."""
        entries = await self._store.call("XREVRANGE", keys.PUSHES, "+", "-", "COUNT", limit)
        pushes = [push for _, fields in entries if (push := read_push(fields))]
        answers = await self._store.pipe([("HVALS", keys.matches(push.id)) for push in pushes])
        return [
            PushRecord(push=push, matches=tuple(m for text in texts for m in _matches(text)))
            for push, texts in zip(pushes, answers, strict=True)
        ]

    async def push_at(self, entry_id: str) -> PushRecord | None:
        """The push of one entry of the log; None where it is no longer kept."""
        entries = await self._store.call("XRANGE", keys.PUSHES, entry_id, entry_id)
        push = read_push(entries[0][1]) if entries else None
        if push is None:
            return None
        texts = await self._store.call("HVALS", keys.matches(push.id))
        return PushRecord(push=push, matches=tuple(m for text in texts for m in _matches(text)))

    async def deliveries(self, limit: int, hook: str | None = None) -> list[Delivery]:
        """The newest deliveries first, of one hook or of all, the refused ones among them."""
        found: dict[str, Delivery] = {}
        for stream in (keys.DELIVERIES, keys.REFUSED):
            taken = 0
            async for delivery in self._newest(stream):
                if hook is None or delivery.hook == hook:
                    # A call to the store that was repeated recorded its deliveries twice.
                    found.setdefault(delivery.id, delivery)
                    taken += 1
                if taken == limit:
                    break
        newest = sorted(found.values(), key=lambda one: (one.received_at, one.id), reverse=True)
        return newest[:limit]

    async def find(self, asked: str) -> list[Push]:
        """The pushes of a delivery, or the one push, with that id; none where none is kept."""
        wanted = {asked}
        if asked.startswith("d"):
            async for delivery in self._newest(keys.DELIVERIES):
                if delivery.id == asked:
                    wanted = set(delivery.pushes)
                    break
        found = []
        async for fields in self._entries(keys.PUSHES):
            push = read_push(fields)
            if push is not None and push.id in wanted:
                found.append(push)
                if len(found) == len(wanted):
                    break
        return found[::-1]

    async def _newest(self, stream: str) -> AsyncIterator[Delivery]:
        async for fields in self._entries(stream):
            delivery = _delivery(fields)
            if delivery is not None:
                yield delivery

    async def _entries(self, stream: str) -> AsyncIterator[list[str]]:
        """The names and values of every entry, newest first."""
        end = "+"
        while entries := await self._store.call("XREVRANGE", stream, end, "-", "COUNT", _PAGE):
            for entry_id, fields in entries:
                end = f"({entry_id}"
                yield fields


def _delivery(entry: list[str]) -> Delivery | None:
    """The delivery of an entry, completed with what only the store knew; None for anything else."""
    fields = dict(zip(entry[::2], entry[1::2], strict=True))
    try:
        delivery = Delivery.model_validate_json(fields.get("delivery", ""))
    except ValidationError:
        return None
    pushes = tuple(fields.get("pushes", "").split())
    known = delivery.outcome == "stored" and fields.get("new") == "0"
    outcome = "duplicate" if known else delivery.outcome
    return delivery.model_copy(update={"pushes": pushes, "outcome": outcome})


def _matches(text: str) -> tuple[Match, ...]:
    try:
        return _MATCHES.validate_json(text)
    except ValidationError:
        return ()
