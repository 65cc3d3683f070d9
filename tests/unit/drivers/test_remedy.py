"""After a failed rollback the commands fit what is left."""

from __future__ import annotations

import pytest

from listener.drivers.remedy import Wreck, remedy

OLD, NEW = "web.old-7f3a9c1e", "web.bad-7f3a9c1e"
GOOD = "sha256:abc"


@pytest.mark.parametrize(
    ("old", "old_runs", "new", "holder", "good", "commands"),
    [
        ("web", False, NEW, "web", GOOD, ["docker start web"]),
        ("web", True, NEW, "web", GOOD, [f"listener rollback shop --to {GOOD}"]),
        ("web", True, NEW, "web", None, ["docker logs web"]),
        (OLD, False, NEW, None, GOOD, [f"docker rename {OLD} web", "docker start web"]),
        (
            OLD,
            False,
            "web",
            "web",
            None,
            ["docker rm -f web", f"docker rename {OLD} web", "docker start web"],
        ),
        (None, False, "web", "web", GOOD, [f"listener rollback shop --to {GOOD}"]),
        (None, False, "web", "web", None, ["docker start web"]),
        (
            None,
            False,
            NEW,
            None,
            GOOD,
            [f"docker rename {NEW} web", f"listener rollback shop --to {GOOD}"],
        ),
        (None, False, None, None, GOOD, ["docker run --name web …"]),
    ],
)
def test_what_helps(
    old: str | None,
    old_runs: bool,
    new: str | None,
    holder: str | None,
    good: str | None,
    commands: list[str],
) -> None:
    wreck = Wreck("shop", "web", old, old_runs, new, holder, good)
    wanted = [*commands, "listener resume shop"]
    assert remedy(wreck) == ", then ".join(f"`{command}`" for command in wanted)


def test_what_was_stopped_with_it_is_started_too() -> None:
    wreck = Wreck("shop", "web", "web", False, None, "web", GOOD, asleep=("vpn", "logs"))
    said = "`docker start web`, then `docker start vpn logs`, then `listener resume shop`"
    assert remedy(wreck) == said
