"""Free ports on the loopback address."""

from __future__ import annotations

import random
import socket

# Below the range that Linux gives to outgoing connections: nobody takes one of these by chance
# between our look and the start of the server that shall have it.
_FIRST, _LAST = 20000, 32000
_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on; no port is given twice by one process."""
    for _ in range(1000):
        port = random.randint(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free port between {_FIRST} and {_LAST}")
