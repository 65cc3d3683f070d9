"""Which container this process runs in."""

from __future__ import annotations

import re
import socket
from functools import cache
from pathlib import Path

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
