"""What Compose writes on its containers: of which service each is, and what it wants with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from listener.drivers.names import own_name, parse_parked
from listener.model.target import ComposeService

_LABEL = "com.docker.compose."
# Compose gives a container that it is replacing a name like this for a moment.
_TEMPORARY = re.compile(r"[0-9a-f]{12}_.+")

Summary = Mapping[str, Any]


def service_of(summary: Summary) -> ComposeService | None:
    """The service that a container, as the engine lists it, is one of; None outside of Compose."""
    labels = summary.get("Labels") or {}
    project, service = labels.get(f"{_LABEL}project"), labels.get(f"{_LABEL}service")
    if not project or not service or is_one_off(summary):
        return None
    return ComposeService(project=project, service=service)


def is_one_off(summary: Summary) -> bool:
    """Whether it was made by `compose run`, for one command."""
    return bool((summary.get("Labels") or {}).get(f"{_LABEL}oneoff") == "True")


def is_temporary(name: str) -> bool:
    """Whether Compose is replacing the container of this name, or died while it did."""
    return _TEMPORARY.fullmatch(name) is not None


def services_in(summaries: Iterable[Summary]) -> dict[ComposeService, list[Summary]]:
    """All services, each with its containers in the order of their numbers.

    What stands beside one of them while it is replaced is left out.
    """
    found: dict[ComposeService, list[Summary]] = {}
    for one in summaries:
        service = service_of(one)
        if service is not None and not _beside(one):
            found.setdefault(service, []).append(one)
    for own in found.values():
        own.sort(key=lambda one: (_number(one), own_name(one)))
    return found


def being_replaced(summaries: Iterable[Summary], service: ComposeService) -> list[str]:
    """Names of containers that tell that Compose is at work on a service, or died while it was."""
    own = [own_name(one) for one in summaries if service_of(one) == service]
    return sorted(name for name in own if is_temporary(name))


def is_restarted_with(summary: Summary, service: ComposeService) -> bool:
    """Whether it belongs to another service that Compose restarts with this one."""
    of = service_of(summary)
    if of is None or of.project != service.project or of.service == service.service:
        return False
    labels = summary.get("Labels") or {}
    # Such as db:service_healthy:false,web:service_started:true
    depends_on = str(labels.get(f"{_LABEL}depends_on", "")).split(",")
    names = (entry.split(":") for entry in depends_on)
    return any(one[0] == service.service and one[2:] == ["true"] for one in names)


def _beside(summary: Summary) -> bool:
    name = own_name(summary)
    return not name or is_temporary(name) or parse_parked(name) is not None


def _number(summary: Summary) -> int:
    text = str((summary.get("Labels") or {}).get(f"{_LABEL}container-number", ""))
    return int(text) if text.isdecimal() else 0
