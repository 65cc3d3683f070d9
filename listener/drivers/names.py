"""The names of containers: they tell how far a swap got even where the journal is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from listener.model.deployment import short_id

Role = Literal["new", "old", "bad"]

_PARKED = re.compile(r"(?P<name>.+)\.(?P<role>new|old|bad)-(?P<deployment>[0-9a-f]{8})")
HOLD_PREFIX = "listener-keep-"
PIN = "listener.pin"
"""The label of a container that stands for an image and is never started: the `pin` of whose image
it is."""
WARM_PREFIX = "listener-warm-"
WARM = "listener.warm"
"""The label of a network on which a container boots: the name of its target's container."""
WARM_ENDPOINTS = "listener.warm.endpoints"
"""The label that keeps, as JSON, what the user chose for each network that changes hands: between
leaving and joining no container shows it."""


class Parked(NamedTuple):
    """A container that stands beside a target while it is swapped."""

    name: str
    role: Role
    deployment: str


def parked_name(container: str, role: Role, deployment_id: str) -> str:
    """``web.old-7f3a9c1e``: a dot and a dash are legal in names, other separators are not."""
    return f"{container}.{role}-{short_id(deployment_id)}"


def parse_parked(name: str) -> Parked | None:
    """What a container's name says of a swap; None for an ordinary name."""
    match = _PARKED.fullmatch(name)
    if match is None:
        return None
    role: Role = match["role"]  # type: ignore[assignment] # the pattern allows no other
    return Parked(match["name"], role, match["deployment"])


def own_name(summary: Mapping[str, Any]) -> str:
    """A container's name as the engine lists it, "" where it shows none.

    The others in its list, like ``/web/db``, are links that lead to it.
    """
    names = [name for name in summary.get("Names") or () if name.count("/") == 1]
    return str(names[0]).removeprefix("/") if names else ""


def warm_network(container: str, deployment_id: str) -> str:
    """The network on which a container boots that is not to be found yet."""
    return f"{WARM_PREFIX}{short_id(deployment_id)}-{container}"


def helper_name(container: str) -> str:
    """The container that replaces one that this program runs in; fixed, so there is one at most."""
    return f"listener-helper-{container}"


def hold_name(pin: str, digest: str) -> str:
    """The never-started container that holds an image for a target.

    A scope stands last: in front, both would read like the name of another target.
    """
    scope, slash, target = pin.rpartition("/")
    return f"{HOLD_PREFIX}{target}-{digest.partition(':')[2][:8]}{slash and '-'}{scope}"


def look_name(image_id: str) -> str:
    """The never-started container by which one looks at an image."""
    return f"listener-look-{image_id.rpartition(':')[2][:12]}"


def hold_tag(pin: str, digest: str) -> tuple[str, str]:
    """Repository and tag under which a held image shows a name in ``docker images``."""
    parts = [re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in pin.lower().split("/")]
    repository = "/".join(part or "target" for part in parts)
    return f"listener-keep/{repository}", digest.partition(":")[2][:12]
