"""Free ports on the loopback address."""

from __future__ import annotations

import random
import socket

# Below the range that Linux gives to outgoing connections: nobody takes one of these by chance
# between our look and the start of the server that shall have it.
_FIRST, _LAST = 20000, 32000
_given: list[socket.socket] = []


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on, and that nobody else was given.

    It stays ours until this process ends: a server that is down for a moment finds it again.
    """
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if _listened_on(port):
            continue
        claim = socket.socket(socket.AF_UNIX)
        try:
            # A name that one process of this machine can have, and that goes with it.
            claim.bind(f"\0listener-demo-port-{port}")
        except OSError:
            claim.close()
            continue
        _given.append(claim)
        return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST}")


def _listened_on(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
