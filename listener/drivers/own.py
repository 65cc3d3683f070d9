"""Which container this process runs in, and of which service of a swarm that is a task."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound

IS_ITSELF = "it is this program itself: set self_update: true if it shall replace itself"
"""Why what this process runs in is no target."""
_SERVICE = "com.docker.swarm.service.id"
_OWN_MOUNTS = Path("/proc/self/mountinfo")
_SHORT_ID = 12
_MARK = Path("/.dockerenv")


@cache
def own_container() -> str:
    """The id of the container that this process runs in, or its beginning; empty outside."""
    try:
        text = _OWN_MOUNTS.read_text()
    except OSError:
        return ""
    # The engine mounts a container's own /etc/hostname from a folder named after its id.
    match = re.search(r"[/-]containers/([0-9a-f]{64})/(?:userdata/)?hostname", text)
    if match:
        return match[1]
    # The engine's own choice of a hostname; one that a user chose, like "db", says nothing.
    name = socket.gethostname()
    return name if _MARK.exists() and re.fullmatch(r"[0-9a-f]{12}", name) else ""


def lasting_name(host: str, machine: str) -> str:
    """A worker's name: this `host`, unless the engine made that up for this container from its id,
    so that its successor has another one; then that of the engine's `machine`, where it is known.
    """
    made_up = len(host) >= _SHORT_ID and own_container().startswith(host)
    return machine if machine and made_up else host


def is_own(one: Mapping[str, Any]) -> bool:
    """Whether this process runs in a container, as the engine lists or inspects it.

    One in the network of another has that one's /etc/hostname: both may be it.
    """
    own = own_container()
    return bool(own) and (str(one["Id"]).startswith(own) or shares_network(one).startswith(own))


def shares_network(one: Mapping[str, Any]) -> str:
    """The id of the container in whose network another one lives; empty where it has its own."""
    mode = str((one.get("HostConfig") or {}).get("NetworkMode") or "")
    return mode.removeprefix("container:") if mode.startswith("container:") else ""


async def own_service(engine: Engine) -> str:
    """The id of the service that this process is a task of; empty where it is of none."""
    own = own_container()
    try:
        inspect = await engine.inspect_container(own) if own else {}
    except NotFound:
        return ""  # it runs beside another engine than the one that it works for
    return str(((inspect.get("Config") or {}).get("Labels") or {}).get(_SERVICE, ""))
