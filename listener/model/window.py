"""Windows: the hours in which a deployment may begin, ``Mon-Fri 02:00-05:00 Europe/Berlin``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVERY_DAY = frozenset(range(7))
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_WORDS = re.compile(r"[^\s,]+")
_LIKE = 'write it like "Mon-Fri 02:00-05:00 Europe/Berlin"'
_DAY = timedelta(days=1)
# A weekly window that has just closed opens again within a week; the clocks may shift it once.
_AHEAD = 9


@dataclass(frozen=True)
class Hours:
    """A span of the clock on some days of the week (0 is Monday), in minutes after midnight.

    One that ends past midnight has an `end` above 1440 and belongs to the day on which it begins.
    """

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """When deployments may begin, by the clocks of one time zone; `text` is how it was written.

    An hour that the clocks show twice is in the window twice. One that they leave out is made up
    for right after it, so that a nightly window opens in that night too.
    """

    text: str
    hours: tuple[Hours, ...]
    zone: ZoneInfo

    def open_at(self, moment: datetime) -> bool:
        """Whether a deployment may begin at that moment (aware)."""
        spans = self._spans(moment, -2, 1)
        return any(begins <= moment < ends for begins, ends in spans)

    def opens_after(self, moment: datetime) -> datetime:
        """The next moment in which it opens, by the clock of its zone; to be asked when closed."""
        later = (begins for begins, _ in self._spans(moment, -2, _AHEAD) if begins > moment)
        return min(later).astimezone(self.zone)

    def _spans(
        self, moment: datetime, first: int, last: int
    ) -> Iterator[tuple[datetime, datetime]]:
        """The spans in UTC that begin from `first` to `last` days after the moment's."""
        today = moment.astimezone(self.zone).date()
        for offset in range(first, last + 1):
            day = today + timedelta(days=offset)
            midnight = datetime.combine(day, time())
            for hours in self.hours:
                if day.weekday() in hours.days:
                    begin, end = (timedelta(minutes=m) for m in (hours.start, hours.end))
                    yield from _instants(midnight + begin, midnight + end, self.zone)

    def __str__(self) -> str:
        return self.text


def _instants(
    begin: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """When the clocks of a zone show a span of local time: once, twice where they are set back."""
    before, after = _offset(begin - _DAY, zone), _offset(end + _DAY, zone)
    old = _at(begin, before), _at(end, before)
    if before == after:
        yield old
        return
    new = _at(begin, after), _at(end, after)
    change = _change(_at(begin - _DAY, before), _at(end + _DAY, after), zone)
    shown = [(old[0], min(old[1], change)), (max(new[0], change), new[1])]
    found = [(first, last) for first, last in shown if first < last]
    yield from found or [old]


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two others in which the zone's offset changes."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _offset(local: datetime, zone: ZoneInfo) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta()


def _at(local: datetime, offset: timedelta) -> datetime:
    return (local - offset).replace(tzinfo=UTC)


def parse_window(value: object) -> Window:
    """A window from its text: days, hours (several of each) and, last, a time zone.

    Days are absent for every day, the zone for UTC. Raises ValueError with a sentence.
    """
    if isinstance(value, Window):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a window: {_LIKE}")  # noqa: TRY004 - for pydantic
    words = _WORDS.findall(value)
    zone = ZoneInfo("UTC")
    if words and not _looks_like_days(words[-1]) and ":" not in words[-1]:
        zone = _zone(words.pop())
    hours: list[Hours] = []
    days: set[int] = set()
    fresh = False
    for word in words:
        if ":" in word:
            hours.append(_hours(word, frozenset(days) or _EVERY_DAY))
            fresh = False
        else:
            days = _days(word) | (days if fresh else set())
            fresh = True
    if fresh:
        raise ValueError(f"{words[-1]} is not followed by hours: {_LIKE}")
    if not hours:
        raise ValueError(f"{value!r} names no hours: {_LIKE}")
    return Window(" ".join(value.split()), tuple(hours), zone)


def _looks_like_days(word: str) -> bool:
    return all(part.lower() in _DAYS for part in word.split("-"))


def _zone(name: str) -> ZoneInfo:
    # Looking the name up first keeps it from being a path.
    names = available_timezones()
    if name in names:
        return ZoneInfo(name)
    near = get_close_matches(name, names, n=1) or get_close_matches(name.title(), names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(f"{name} is neither a day (Mon to Sun) nor a time zone{hint}: {_LIKE}")


def _days(word: str) -> set[int]:
    names = word.lower().split("-")
    if len(names) > 2 or not all(name in _DAYS for name in names):
        raise ValueError(f"{word} is not a day or a span of days: write Mon, or Mon-Fri")
    first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
    return {(first + step) % 7 for step in range((last - first) % 7 + 1)}


def _hours(word: str, days: frozenset[int]) -> Hours:
    found = _HOURS.fullmatch(word)
    if found is None:
        raise ValueError(f"{word} is not a span of hours: write it like 02:00-05:00")
    numbers = [int(part) for part in found.groups()]
    start, end = 60 * numbers[0] + numbers[1], 60 * numbers[2] + numbers[3]
    if numbers[0] > 23 or end > 1440 or max(numbers[1], numbers[3]) > 59:
        raise ValueError(f"{word} is not on the clock: hours go from 00:00 to 24:00")
    if start == end:
        raise ValueError(f"{word} is empty: write 00:00-24:00 for the whole day")
    return Hours(days, start, end if end > start else end + 1440)


WindowText = Annotated[
    Window,
    BeforeValidator(parse_window),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 02:00-05:00 Europe/Berlin"]}),
]
"""A window: written as text, held as its hours."""
