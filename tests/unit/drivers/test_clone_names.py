"""The image's name in a clone, and the container that holds an image."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from listener.drivers.clone import CloneError, hold_body, new_reference
from listener.model.target import Good

OLD = "sha256:" + "a" * 64
NEW = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("spelling", "tag", "expected"),
    [
        ("web:1", "2", "web:2"),
        ("web:1", None, "web:1"),
        ("web", "latest", "web"),
        ("web", None, "web"),
        ("web", "2", "web:2"),
        ("web:latest", "latest", "web:latest"),
        ("registry.example.com:5000/team/web", "latest", "registry.example.com:5000/team/web"),
        ("registry.example.com:5000/team/web:1", "2", "registry.example.com:5000/team/web:2"),
        (f"team/web@{OLD}", "2", f"team/web@{NEW}"),
        (f"team/web:1@{OLD}", "2", f"team/web:2@{NEW}"),
        (f"team/web:1@{OLD}", None, f"team/web:1@{NEW}"),
    ],
)
def test_the_image_is_named_as_its_user_named_it(
    spelling: str, tag: str | None, expected: str
) -> None:
    assert new_reference(spelling, tag, NEW) == expected


@pytest.mark.parametrize("spelling", [OLD, "a" * 64, ""])
def test_an_image_id_names_no_repository(spelling: str) -> None:
    with pytest.raises(CloneError, match="image id"):
        new_reference(spelling, "2", NEW)


def test_a_hold_says_what_it_holds_and_makes_no_volumes() -> None:
    good = Good(
        digest=NEW,
        tag="2",
        image_id=OLD,
        image_config={"Volumes": {"/data/": {}}},
        at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert hold_body("web", good) == {
        "Image": OLD,
        "Cmd": ["pin"],
        "Labels": {
            "listener.pin": "web",
            "listener.pin.digest": NEW,
            "listener.pin.tag": "2",
            "listener.pin.at": "2026-03-01T00:00:00.000Z",
        },
        "HostConfig": {"NetworkMode": "none", "Tmpfs": {"/data": ""}},
    }
