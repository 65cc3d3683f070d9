"""A changed file is noticed, once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from listener.config import changes

EVERY = 0.02


def _write(file: Path) -> None:
    file.write_text("longer than before")


def _replace(file: Path) -> None:
    other = file.with_suffix(".new")
    other.write_text("same")
    os.utime(other, ns=(1, file.stat().st_mtime_ns))
    other.replace(file)


def _remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [_write, _replace, _remove])
async def test_each_change_is_reported_once(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = tmp_path / "listener.yml"
    file.write_text("same")
    seen = 0
    noticed = asyncio.Event()

    async def watch() -> None:
        nonlocal seen
        async for _ in changes([file, tmp_path / "absent"], EVERY):
            seen += 1
            noticed.set()

    task = asyncio.create_task(watch())
    await asyncio.sleep(0)
    change(file)
    await asyncio.wait_for(noticed.wait(), 5)
    assert seen == 1
    noticed.clear()
    (tmp_path / "absent").touch()
    await asyncio.wait_for(noticed.wait(), 5)
    assert seen == 2
    task.cancel()


async def test_nothing_changes_nothing_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(EVERY * 5):
            await anext(changes([tmp_path / "a"], EVERY))
