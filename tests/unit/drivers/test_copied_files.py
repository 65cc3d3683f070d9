"""Which files of a container's layer were copied into it before its start, by their look."""

from __future__ import annotations

from typing import Any

import pytest

from listener.drivers.copies import named_paths, was_copied
from listener.drivers.current import CannotSwapError
from listener.drivers.snapshot import Snapshot

CREATED = "2026-03-01T12:00:00.700000123Z"
STARTED = "2026-03-01T12:00:05.2Z"
NEVER = "0001-01-01T00:00:00Z"
DIRECTORY, LINK = 1 << 31, 1 << 27


def copied(path: str = "/app.conf", *, started: str = STARTED, **stat: Any) -> bool:
    old = Snapshot({"Created": CREATED, "State": {"StartedAt": started}}, {})
    return was_copied(path, {"mode": 0o444, "mtime": "2026-03-01T12:00:03Z"} | stat, old)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-01T12:00:03Z", True),
        ("2026-03-01T13:00:03+01:00", True),
        ("2026-03-01T12:00:03.000001Z", False),
        ("2026-03-01T12:00:00Z", True),
        ("2026-03-01T12:00:06Z", True),
        ("2026-03-01T11:59:59Z", False),
        ("2026-03-01T12:00:07Z", False),
        ("2019-01-01T00:00:00Z", False),
    ],
    ids=[
        *("between creation and start", "in another zone", "written by a process"),
        *("rounded to before the creation", "rounded to after the start", "before the creation"),
        *("after the start", "as old as its package"),
    ],
)
def test_a_file_is_told_by_its_time(moment: str, expected: bool) -> None:
    assert copied(mtime=moment) is expected


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o644, 0o600, 0o755, 1 << 23 | 0o755])
def test_any_mode_may_have_been_asked_for(mode: int) -> None:
    assert copied(mode=mode)


@pytest.mark.parametrize("mode", [DIRECTORY | 0o755, LINK | 0o777], ids=["directory", "link"])
def test_only_regular_files_are_copied(mode: int) -> None:
    assert not copied(mode=mode)
    assert not copied("/run/secrets/x", mode=mode)


def test_a_container_that_never_ran_may_have_been_copied_into_until_now() -> None:
    assert copied(started=NEVER)
    assert not copied(started=NEVER, mtime="2019-01-01T00:00:00Z")


@pytest.mark.parametrize("path", ["/run/secrets/a", "/run/secrets/a/b", "/var/run/secrets/a"])
def test_a_secret_is_one_at_any_time(path: str) -> None:
    assert copied(path, mtime="2019-01-01T00:00:00.5Z")
    assert not copied("/run/secretsauce", mtime="2019-01-01T00:00:00.5Z")


@pytest.mark.parametrize(
    ("label", "paths"),
    [
        ("", []),
        ("[]", []),
        ("/a", ["/a"]),
        (" /a , /b/ ,/a", ["/a", "/b"]),
        ('["/a, b", "/c"]', ["/a, b", "/c"]),
    ],
)
def test_the_label_names_paths(label: str, paths: list[str]) -> None:
    assert named_paths(label) == paths


@pytest.mark.parametrize("label", ["a", "./a", "/", "/a/../b", "[1]", '["/a"', "/a,b", "//"])
def test_a_label_that_names_none_is_refused(label: str) -> None:
    with pytest.raises(CannotSwapError, match=r"label listener\.copy"):
        named_paths(label)
