"""Points at which a test may kill this process, to prove that a kill there loses nothing.

`LISTENER_FAULT=name` ends the process with SIGKILL where the code passes `name` for the first
time, `name:3` for the third. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

_wanted, _, _count = os.environ.get("LISTENER_FAULT", "").partition(":")
_left = int(_count or 1)


def fault_point(name: str) -> None:
    """Ends this process on the spot if the environment asks for it here."""
    global _left  # noqa: PLW0603 - a countdown of the process, like the environment it comes from
    if name != _wanted:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
