"""What tables of clones are made of: a check of one field that the engine shows of the clone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloning import Swapped

Check = Callable[[Swapped], bool]


def config(name: str, expected: Any) -> Check:
    """Whether the container's own part has this value."""
    return lambda swapped: swapped.new.config.get(name) == expected


def host(name: str, expected: Any) -> Check:
    """Whether the host's part has this value."""
    return lambda swapped: swapped.new.host.get(name) == expected


def same(*names: str) -> Check:
    """Whether the host's part has the old container's values, and has them at all."""
    return lambda swapped: all(
        swapped.old.host.get(name) and swapped.new.host.get(name) == swapped.old.host[name]
        for name in names
    )
