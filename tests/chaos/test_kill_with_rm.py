"""A container that goes with its stop: what a kill leaves is created again, not just renamed."""

from __future__ import annotations

import pytest

from listener.demo.app import Behaviour
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import Scene


@pytest.mark.parametrize("fault", ["freed", "named", "stopping", "started", "before-commit"])
def test_a_good_release_gets_through(world: World, fault: str) -> None:
    scene = Scene(world, restart="no", options=("--rm",))
    scene.die_at(fault, "2")
    world.listener.kill(redis=True)
    world.listener.start()
    history = scene.comes_to_rest("2")
    assert [one["state"] for one in history].count("succeeded") == 1


@pytest.mark.parametrize(
    "fault",
    [
        *("watch", "before-revert", "revert", "before-revive", "reviving", "revive"),
        *("revert:2", "unnamed", "renamed", "unstarted", "before-revert_watch", "before-clean"),
    ],
)
def test_a_sick_release_is_still_taken_back(world: World, fault: str) -> None:
    scene = Scene(world, restart="no", options=("--rm",))
    scene.die_at(fault, "2", Behaviour.SICK)
    world.listener.kill(redis=True)
    world.listener.start()
    history = scene.comes_to_rest("1")
    assert history[0]["state"] == "rolled_back"
    assert "unhealthy" in history[0]["reason"]


@pytest.mark.parametrize("fault", ["reviving", "revive", "unnamed", "renamed", "unstarted"])
def test_a_sick_release_is_taken_back_without_the_journal(world: World, fault: str) -> None:
    scene = Scene(world, restart="no", options=("--rm",))
    scene.die_at(fault, "2", Behaviour.SICK)
    scene.lose_redis()
    world.listener.start()
    # Where nothing is known of the digest any more, it is tried and taken back once more.
    wait_for(
        lambda: any(one["state"] == "rolled_back" for one in world.listener.deployments()),
        "the sick version is taken back",
        timeout=90,
    )
    scene.comes_to_rest("1")
