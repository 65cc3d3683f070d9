"""The log of changes: who became different, told in the same step; how it is now, readers look up.

The log of pushes is a stream already, so that a hook writes nothing twice: it is read along with
the log of changes, and a place is one in both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from listener.model.base import Noun
from listener.store import keys
from listener.store.client import LONGEST_BLOCK, Argument, Reply, Store

Kind = Literal["target", "deployment", "push", "host"]

_PLACE = re.compile(r"(\d{1,20})-(\d{1,20})\.(\d{1,20})-(\d{1,20})")
_STREAMS = (keys.EVENTS, keys.PUSHES)


class Change(Noun):
    """Something that is not as it was.

    `name` is that of the target or host, the id of the deployment, or the entry of the push in its
    log. Of a target `host` says where.
    """

    kind: Kind
    name: str
    host: str = ""


def entry(kind: Kind, name: str, host: str = "") -> tuple[Argument, ...]:
    """The arguments of the XADD that tells of a change."""
    return ("MAXLEN", "~", keys.EVENTS_CAP, "*", "kind", kind, "name", name, "host", host)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader is, in both logs; its text is the id of an event."""

    events: tuple[int, int]
    pushes: tuple[int, int]

    def __str__(self) -> str:
        return f"{_text(self.events)}.{_text(self.pushes)}"


def read_place(text: str) -> Place | None:
    """The place that a text names; None where it names none."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return None
    numbers = [int(part) for part in found.groups()]
    return Place((numbers[0], numbers[1]), (numbers[2], numbers[3]))


class Changes:
    """Reads the log of changes. All methods raise `Unavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def now(self) -> Place:
        """Where the logs end."""
        events, pushes = [(await self._bounds(stream))[1] for stream in _STREAMS]
        return Place(events, pushes)

    async def holds(self, place: Place) -> bool:
        """Whether everything after a place is still there.

        It is not where the log was cut behind it, or where Redis has other data now. The beginning
        always counts as held: whoever was there then finds out by how much there is to read.
        """
        for stream, at in zip(_STREAMS, (place.events, place.pushes), strict=True):
            first, last = await self._bounds(stream)
            if at not in (last, (0, 0)) and (first is None or not first <= at < last):
                return False
        return True

    async def after(
        self, place: Place, *, count: int, block: float = 0.0
    ) -> tuple[list[Change], Place, bool]:
        """What follows a place, at most `count` entries of each log, and the place behind it.

        Each thing that changed is named once. The last answer says that there may be more. Waits
        up to `block` seconds (at most 3) where nothing has happened yet.
        """
        wait = max(1, round(min(block, LONGEST_BLOCK) * 1000))
        blocking: tuple[Argument, ...] = ("BLOCK", wait) if block > 0 else ()
        answer = await self._store.call(
            *("XREAD", "COUNT", count, *blocking, "STREAMS", *_STREAMS),
            *(_text(place.events), _text(place.pushes)),
        )
        found = dict(answer or ())
        events, pushes = (found.get(stream, []) for stream in _STREAMS)
        behind = Place(_last(events, place.events), _last(pushes, place.pushes))
        changes = [_change(fields) for _, fields in events]
        changes += [Change(kind="push", name=str(entry_id)) for entry_id, _ in pushes]
        distinct = dict.fromkeys(change for change in changes if change is not None)
        return list(distinct), behind, max(len(events), len(pushes)) >= count

    async def _bounds(self, stream: str) -> tuple[tuple[int, int] | None, tuple[int, int]]:
        """The first entry, and the last that ever was; (0, 0) where there never was one."""
        if not await self._store.call("EXISTS", stream):
            return None, (0, 0)
        facts = await self._store.call("XINFO", "STREAM", stream)
        known = dict(zip(facts[::2], facts[1::2], strict=True))
        first = known["first-entry"]
        return (_id(first[0]) if first else None), _id(known["last-generated-id"])


def _change(fields: list[str]) -> Change | None:
    """The change of an entry; None where it is something else."""
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        return Change.model_validate(values)
    except ValueError:
        return None


def _last(entries: list[Reply], otherwise: tuple[int, int]) -> tuple[int, int]:
    return _id(entries[-1][0]) if entries else otherwise


def _id(text: str) -> tuple[int, int]:
    milliseconds, _, number = str(text).partition("-")
    return int(milliseconds), int(number)


def _text(entry_id: tuple[int, int]) -> str:
    return f"{entry_id[0]}-{entry_id[1]}"
