"""Notices that a file of the configuration has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

_Fingerprint = tuple[int, int, int] | None


async def changes(files: Iterable[Path], every: float = 2.0) -> AsyncIterator[None]:
    """Yields once for each change of any of the files, looking every `every` seconds.

    Links are followed, so the swapped links of mounted secrets are noticed; a file that comes or
    goes is a change. A change is reported once the files hold still for a quarter of `every`, so
    that a file that is being written is not read by halves.
    """
    watched = tuple(files)
    reported = _look(watched)
    while True:
        await asyncio.sleep(every)
        seen = _look(watched)
        if seen == reported:
            continue
        while True:
            await asyncio.sleep(every / 4)
            before, seen = seen, _look(watched)
            if seen == before:
                break
        reported = seen
        yield


def _look(files: tuple[Path, ...]) -> tuple[_Fingerprint, ...]:
    return tuple(_fingerprint(file) for file in files)


def _fingerprint(file: Path) -> _Fingerprint:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
