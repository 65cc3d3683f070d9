"""SIGKILL between any two things that a deployment does; then it is started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from listener.demo.app import Behaviour
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import Scene

# An act is announced in the journal, done, and followed by the next: `before-x` is between
# announcing and doing it, `x` between doing it and noting that, the others are within an act.
FORWARD = [
    *("before-resolve", "resolve", "before-plan", "plan", "before-pull", "pull"),
    *("before-tag", "tag", "before-create", "create"),
    *("before-cutover", "freed", "named", "stopping", "started", "cutover"),
    *("before-disarm", "disarm", "before-watch", "watch", "before-commit", "commit"),
]
BACK = [
    *("watch", "before-revert", "unnamed", "renamed", "restored", "unstarted", "revert"),
    *("before-revert_watch", "revert_watch", "before-clean", "clean"),
]


@pytest.mark.parametrize("fault", FORWARD)
def test_a_good_release_gets_through(world: World, fault: str) -> None:
    scene = Scene(world)
    scene.die_at(fault, "2")
    world.listener.kill(redis=True)
    world.listener.start()
    history = scene.comes_to_rest("2")
    assert [one["state"] for one in history].count("succeeded") == 1


@pytest.mark.parametrize("fault", BACK)
def test_a_sick_release_is_still_taken_back(world: World, fault: str) -> None:
    scene = Scene(world)
    scene.die_at(fault, "2", Behaviour.SICK)
    world.listener.kill(redis=True)
    world.listener.start()
    history = scene.comes_to_rest("1")
    assert scene.same_container()
    assert history[0]["state"] == "rolled_back"
    assert "unhealthy" in history[0]["reason"]


@pytest.mark.parametrize("fault", ["before-discard", "discard"])
def test_what_could_not_be_created_leaves_nothing(world: World, tmp_path: Path, fault: str) -> None:
    # A folder that is mounted is removed: the container goes on, but no other can be created.
    folder = tmp_path / "mounted"
    folder.mkdir()
    scene = Scene(world, options=("--mount", f"type=bind,src={folder},dst=/mounted"))
    folder.rmdir()
    scene.die_at(fault, "2")
    world.listener.kill(redis=True)
    world.listener.start()
    history = scene.comes_to_rest("1")
    assert scene.same_container()
    assert history[0]["state"] == "failed"
    assert str(folder) in history[0]["reason"]


@pytest.mark.parametrize("fault", ["stopping", "started"])
def test_a_container_that_is_always_restarted(world: World, fault: str) -> None:
    scene = Scene(world, restart="always")
    scene.die_at(fault, "2")
    scene.lose_redis()
    world.listener.start()
    scene.comes_to_rest("2")


@pytest.mark.parametrize("fault", ["create", "stopping", "watch"])
def test_the_embedded_redis_lives_on_and_is_adopted(world: World, fault: str) -> None:
    scene = Scene(world)
    scene.die_at(fault, "2")
    world.listener.start()
    scene.comes_to_rest("2")


@pytest.mark.parametrize(
    "fault", ["tag", "create", "freed", "named", "stopping", "started", "watch", "commit"]
)
def test_a_good_release_gets_through_without_the_journal(world: World, fault: str) -> None:
    scene = Scene(world)
    scene.die_at(fault, "2")
    scene.lose_redis()
    world.listener.start()
    scene.comes_to_rest("2")


@pytest.mark.parametrize(
    "fault", ["watch", "unnamed", "renamed", "restored", "unstarted", "revert", "clean"]
)
def test_a_sick_release_is_taken_back_without_the_journal(world: World, fault: str) -> None:
    scene = Scene(world)
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
    assert scene.same_container()
