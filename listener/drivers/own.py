"""Which container this process runs in, and of which service of a swarm that is a task."""

from __future__ import annotations

import re
import socket
from functools import cache
from pathlib import Path

from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound

IS_ITSELF = "it is this program itself: set self_update: true if it shall replace itself"
"""Why what this process runs in is no target."""
_SERVICE = "com.docker.swarm.service.id"
_OWN_MOUNTS = Path("/proc/self/mountinfo")
_MARK = Path("/.dockerenv")


@cache
def own_container() -> str:
    """The id of the container that this process runs in, or its beginning; empty outside."""
    try:
        text = _OWN_MOUNTS.read_text()
    except OSError:
        return ""
    # The engine mounts a container's own /etc/hostname from a folder named after its id.
    match = re.search(r"/containers/([0-9a-f]{64})/hostname", text)
    if match:
        return match[1]
    # The engine's own choice of a hostname; one that a user chose, like "db", says nothing.
    name = socket.gethostname()
    return name if _MARK.exists() and re.fullmatch(r"[0-9a-f]{12}", name) else ""


def is_own(container_id: str) -> bool:
    """Whether a container's id is that of the container that this process runs in."""
    own = own_container()
    return bool(own) and container_id.startswith(own)


async def own_service(engine: Engine) -> str:
    """The id of the service that this process is a task of; empty where it is of none."""
    own = own_container()
    try:
        inspect = await engine.inspect_container(own) if own else {}
    except NotFound:
        return ""  # it runs beside another engine than the one that it works for
    return str(((inspect.get("Config") or {}).get("Labels") or {}).get(_SERVICE, ""))
