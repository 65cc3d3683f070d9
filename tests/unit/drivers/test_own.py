"""Which container this program runs in, told from the mounts that the engine gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from listener.drivers import own

ID, OTHER = "3f" * 32, "db" * 32
Mounts = Callable[[str], None]


@pytest.fixture
def mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mounts:
    """Sets what is mounted here."""

    def mount(line: str) -> None:
        file = tmp_path / "mountinfo"
        file.write_text(f"{line}\n")
        monkeypatch.setattr(own, "_OWN_MOUNTS", file)
        monkeypatch.setattr(own, "_MARK", tmp_path / "absent")
        own.own_container.cache_clear()

    monkeypatch.setattr(own, "own_container", own.own_container)
    return mount


DOCKER = f"9 8 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw"
PODMAN = (
    f"9 8 0:25 /containers/storage/overlay-containers/{ID}/userdata/hostname /etc/hostname rw"
    " - tmpfs tmpfs rw"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [(DOCKER, ID), (PODMAN, ID), ("9 8 8:1 / / rw - ext4 /dev/sda1 rw", "")],
    ids=["docker", "podman", "none"],
)
def test_its_id_is_where_its_hostname_is_mounted_from(
    mounts: Mounts, line: str, expected: str
) -> None:
    mounts(line)
    assert own.own_container() == expected
    assert own.is_own({"Id": ID}) is bool(expected)
    assert not own.is_own({"Id": OTHER})


def test_one_in_the_network_of_that_container_may_be_it(mounts: Mounts) -> None:
    mounts(DOCKER)
    assert own.is_own({"Id": OTHER, "HostConfig": {"NetworkMode": f"container:{ID}"}})
    assert not own.is_own({"Id": OTHER, "HostConfig": {"NetworkMode": "bridge"}})


def test_a_hostname_that_the_engine_made_up_is_told_from_one_that_was_chosen(
    mounts: Mounts,
) -> None:
    mounts(DOCKER)
    assert own.lasting_name(ID[:12], "docker-1") == "docker-1"
    assert own.lasting_name(ID[:12], "") == ID[:12]
    for chosen in ("deployer", "3f"):
        assert own.lasting_name(chosen, "docker-1") == chosen
    mounts("9 8 8:1 / / rw - ext4 /dev/sda1 rw")
    assert own.lasting_name(ID[:12], "docker-1") == ID[:12]
