"""What the engine's list of containers tells: which may be targets, and how they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from listener.drivers.compose import is_one_off, is_temporary
from listener.drivers.helper import HELPER_LABEL
from listener.drivers.names import PIN, own_name, parse_parked

HealthWord = Literal["healthy", "unhealthy", "starting", "running", "stopped", "absent"]
_WORST_FIRST: tuple[HealthWord, ...] = ("unhealthy", "starting", "running", "healthy", "stopped")

Summary = Mapping[str, Any]


def eligible(summary: Summary) -> str | None:
    """The name of a container that may be a target; None for what stands beside one."""
    name, labels = own_name(summary), summary.get("Labels") or {}
    if not name or PIN in labels or HELPER_LABEL in labels or is_one_off(summary):
        return None
    return None if parse_parked(name) or is_temporary(name) else name


def health_of(summaries: Collection[Summary]) -> HealthWord:
    """How a target's containers are: as the worst of those that run.

    From the list's own words, so that fifty targets cost one call.
    """
    words = {_health(summary) for summary in summaries}
    return next((word for word in _WORST_FIRST if word in words), "absent")


def _health(summary: Summary) -> HealthWord:
    if summary.get("State") != "running":
        return "stopped" if summary.get("State") != "restarting" else "unhealthy"
    status = str(summary.get("Status", ""))
    if "(unhealthy)" in status:
        return "unhealthy"
    if "(healthy)" in status:
        return "healthy"
    return "starting" if "(health: starting)" in status else "running"
