"""What docs/podman.md says that works with Podman's Docker API, on a Podman of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.podman import Podman
from listener.demo.app import Behaviour, Release
from listener.demo.world import World

PROBED = {"listener.health.exec": "/app/check", "listener.health.timeout": "60s"}


@pytest.fixture
def podman(tmp_path: Path) -> Iterator[World]:
    engine = Podman()
    try:
        # The registry's port is the world's to choose.
        world = World(engine, tmp_path)
        engine.start(world.registry.host)
        with world:
            yield world
            print(world.listener.logs())
    finally:
        engine.stop()


def release(version: str, behaviour: Behaviour = Behaviour.GOOD) -> Release:
    """Without systemd nobody runs a HEALTHCHECK of Podman's."""
    return Release(version, behaviour, check=None)


def test_a_push_deploys_and_a_sick_one_is_taken_back(podman: World) -> None:
    url = podman.begin("web", release("1"), labels=PROBED)
    before = podman.container("web")["Id"]
    digest = podman.push("web", release("2"))
    good = podman.listener.deployment_of(podman.name("web"), digest)
    assert good["state"] == "succeeded", good
    podman.wait_answer(url, "2")
    second = podman.container("web")["Id"]
    assert second != before

    digest = podman.push("web", release("3", Behaviour.SICK))
    sick = podman.listener.deployment_of(podman.name("web"), digest)
    assert sick["state"] == "rolled_back", sick
    assert podman.container("web")["Id"] == second
    podman.wait_answer(url, "2")
    assert not podman.leftovers("web")
