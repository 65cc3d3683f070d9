"""Whether the engine created what was planned: the check between create and the first stop."""

from __future__ import annotations

from listener.drivers.clone import Clone
from listener.drivers.snapshot import Setting, Snapshot


def unexplained(clone: Clone, old: Snapshot, new: Snapshot, setting: Setting) -> list[str]:
    """The dotted names of what differs without a reason; none is a faithful clone.

    Expected is the old container's value where its user set one, else the new image's default.
    """
    raise NotImplementedError
