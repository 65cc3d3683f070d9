"""Values of the API's JSON as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from listener.cli.client import Json

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))
NOTHING = "-"


def moment(text: str) -> datetime:
    """An RFC 3339 time; raises ValueError."""
    return datetime.fromisoformat(text)


def seconds_since(text: str) -> float:
    """How long ago a time was; never negative, though clocks differ."""
    return max(0.0, (datetime.now(UTC) - moment(text)).total_seconds())


def seconds_until(text: str) -> float:
    """How long it is until a time; never negative."""
    return max(0.0, (moment(text) - datetime.now(UTC)).total_seconds())


def rough(seconds: float) -> str:
    """A duration in its largest unit: ``3m``, ``2h``."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def ago(text: str | None) -> str:
    """``3m ago``; a dash for none."""
    return f"{rough(seconds_since(text))} ago" if text else NOTHING


def at(text: str | None) -> str:
    """A time to the second, ``2026-03-01T10:00:00Z``; a dash for none."""
    return moment(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if text else NOTHING


def clock(seconds: float) -> str:
    """A running or measured time: ``0.4s``, ``12.3s``, ``2:05``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def between(start: str | None, end: str | None) -> str:
    """The time from one moment to another; a dash where one is missing."""
    if not start or not end:
        return NOTHING
    return clock(max(0.0, (moment(end) - moment(start)).total_seconds()))


def short_digest(digest: str | None) -> str:
    """The twelve digits that tell digests apart, as Docker shows ids."""
    return digest.partition(":")[2][:12] if digest else NOTHING


def image(entry: Json) -> str:
    """``registry/repository:tag`` of a target, push or deployment."""
    return f"{entry['image']}:{entry['tag']}" if entry.get("tag") else str(entry["image"])


def or_dash(value: object) -> str:
    """A value as text; a dash for none."""
    return NOTHING if value is None or value == "" else str(value)


def away(host: str, hosts: list[Json]) -> str | None:
    """Why nothing happens on a host now, or None where its worker is there."""
    known = next((entry for entry in hosts if entry["name"] == host), None)
    if known is None:
        return f"no worker of {host} is known"
    if known["alive"]:
        return None
    return f"the worker of {host} was last seen {ago(known['last_seen'])}"
