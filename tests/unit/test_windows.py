"""Windows by the clock of their zone, also in the nights in which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.model.window import parse_window

QUARTER = timedelta(minutes=15)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(text: str, first: str, days: int = 1) -> list[tuple[str, str]]:
    """When a window is open within days from `first`, in UTC, asked each quarter of an hour."""
    window, begin = parse_window(text), utc(first)
    found: list[tuple[str, str]] = []
    opened = None
    for step in range(days * 96 + 1):
        moment = begin + step * QUARTER
        if window.open_at(moment) and opened is None:
            opened = moment
        elif opened is not None and not window.open_at(moment):
            found.append((f"{opened:%d %H:%M}", f"{moment:%d %H:%M}"))
            opened = None
    return found


@pytest.mark.parametrize(
    ("text", "first", "days", "expected"),
    [
        # 2026-03-02 is a Monday.
        ("Mon 02:00-05:00", "2026-03-01", 9, [("02 02:00", "02 05:00"), ("09 02:00", "09 05:00")]),
        (
            "Fri-Mon 12:00-12:30",
            "2026-03-05",
            3,
            [("06 12:00", "06 12:30"), ("07 12:00", "07 12:30")],
        ),
        ("02:00-05:00 Europe/Berlin", "2026-03-02", 1, [("02 01:00", "02 04:00")]),
        ("02:00-05:00 America/New_York", "2026-03-02", 1, [("02 07:00", "02 10:00")]),
        # Overnight: it belongs to the day on which it begins.
        ("Sun 22:00-02:00", "2026-03-01", 3, [("01 22:00", "02 02:00")]),
        ("Mon 22:00-02:00", "2026-03-01", 3, [("02 22:00", "03 02:00")]),
        ("22:00-24:00, 00:00-01:00", "2026-03-02T12:00", 1, [("02 22:00", "03 01:00")]),
        # Several: days hold for the hours behind them.
        (
            "Mon 02:00-03:00, 12:00-13:00, Sat,Sun 00:00-06:00",
            "2026-03-02T00:00",
            6,
            [("02 02:00", "02 03:00"), ("02 12:00", "02 13:00"), ("07 00:00", "07 06:00")],
        ),
        # Berlin, 2026-03-29: 02:00 is followed by 03:00, at 01:00 UTC.
        ("01:00-05:00 Europe/Berlin", "2026-03-28T12:00", 1, [("29 00:00", "29 03:00")]),
        ("02:30-05:00 Europe/Berlin", "2026-03-28T12:00", 1, [("29 01:00", "29 03:00")]),
        ("01:00-02:30 Europe/Berlin", "2026-03-28T12:00", 1, [("29 00:00", "29 01:00")]),
        ("02:00-03:00 Europe/Berlin", "2026-03-28T12:00", 1, [("29 01:00", "29 02:00")]),
        ("02:15-02:45 Europe/Berlin", "2026-03-28T12:00", 1, [("29 01:15", "29 01:45")]),
        ("22:00-03:30 Europe/Berlin", "2026-03-28T12:00", 1, [("28 21:00", "29 01:30")]),
        # Berlin, 2026-10-25: 03:00 is followed by 02:00, at 01:00 UTC.
        ("01:00-05:00 Europe/Berlin", "2026-10-24T12:00", 1, [("24 23:00", "25 04:00")]),
        ("02:00-03:00 Europe/Berlin", "2026-10-24T12:00", 1, [("25 00:00", "25 02:00")]),
        (
            "02:15-02:45 Europe/Berlin",
            "2026-10-24T12:00",
            1,
            [("25 00:15", "25 00:45"), ("25 01:15", "25 01:45")],
        ),
        (
            "22:00-02:30 Europe/Berlin",
            "2026-10-24T12:00",
            1,
            [("24 20:00", "25 00:30"), ("25 01:00", "25 01:30")],
        ),
    ],
)
def test_when_it_is_open(text: str, first: str, days: int, expected: list[tuple[str, str]]) -> None:
    assert spans(text, first, days) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("Mon-Fri 02:00-05:00 Europe/Berlin", "2026-03-06T12:00", "2026-03-09T02:00:00+01:00"),
        ("Mon 02:00-05:00", "2026-03-02T05:00", "2026-03-09T02:00:00+00:00"),
        ("02:15-02:45 Europe/Berlin", "2026-03-28T12:00", "2026-03-29T03:15:00+02:00"),
        ("02:30-05:00 Europe/Berlin", "2026-03-28T12:00", "2026-03-29T03:00:00+02:00"),
    ],
)
def test_when_it_opens_next(text: str, now: str, expected: str) -> None:
    assert parse_window(text).opens_after(utc(now)).isoformat() == expected


ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"])
CLOCK = st.integers(0, 1439)


@given(
    start=CLOCK,
    end=CLOCK,
    zone=ZONES,
    moment=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
)
def test_a_daily_window_opens_every_day_and_is_open_when_it_says(
    start: int, end: int, zone: str, moment: datetime
) -> None:
    if start == end:
        return
    clock = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end)]
    window = parse_window(f"{'-'.join(clock)} {zone}")
    if window.open_at(moment):
        return
    opens = window.opens_after(moment)
    assert moment < opens <= moment + timedelta(hours=25, minutes=1)
    assert window.open_at(opens)
    assert not window.open_at(opens - timedelta(seconds=1))


MISTAKES = {
    "": "names no hours",
    "Europe/Berlin": "names no hours",
    "Mon-Fri": "Mon-Fri is not followed by hours",
    "02:00-05:00 Mon": "Mon is not followed by hours",
    "Mo 02:00-05:00": "Mo is not a day or a span of days: write Mon",
    "Mon-Tue-Fri 02:00-05:00": "Mon-Tue-Fri is not a day",
    "2-5 UTC": "2-5 is not a day",
    "02:00 UTC": "02:00 is not a span of hours",
    "02:00-25:00": "02:00-25:00 is not on the clock",
    "24:00-02:00": "24:00-02:00 is not on the clock",
    "02:60-05:00": "02:60-05:00 is not on the clock",
    "02:00-02:00": "02:00-02:00 is empty: write 00:00-24:00",
    "02:00-05:00 Europe/Berln": r"Europe/Berln is neither .* \(did you mean Europe/Berlin\?\)",
    "02:00-05:00 berlin": "berlin is neither a day",
    "02:00-05:00 ../../etc/passwd": "passwd is neither a day",
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.items())
def test_a_mistake_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        parse_window(text)
    assert "\n" not in str(caught.value)


def test_it_is_written_as_it_was_read() -> None:
    assert str(parse_window("  Mon-Fri   02:00-05:00 Europe/Berlin ")) == (
        "Mon-Fri 02:00-05:00 Europe/Berlin"
    )
