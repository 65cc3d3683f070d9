"""A kill must not cost the versions that a rollback can go back to."""

from __future__ import annotations

import pytest

from listener.demo.world import World
from tests.chaos.scene import APP, Scene


def go_back(world: World) -> None:
    """`listener rollback`, as somebody types it."""
    done = world.listener.cli("rollback", world.name(APP), "--wait")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", ["create", "before-commit", "commit"])
def test_the_version_that_ran_at_first_is_remembered(world: World, fault: str) -> None:
    # Version 1 was started by hand: no deployment of its own has recorded it as good.
    scene = Scene(world)
    scene.die_at(fault, "2")
    world.listener.kill(redis=True)
    world.listener.start()
    scene.comes_to_rest("2")
    go_back(world)
    scene.comes_to_rest("1")


def test_a_lost_journal_does_not_let_go_of_what_is_held(world: World) -> None:
    scene = Scene(world)
    two = scene.push("2")
    world.listener.deployment_of(world.name(APP), two)
    scene.die_at("started", "3")
    scene.lose_redis()
    world.listener.start()
    scene.comes_to_rest("3")
    go_back(world)
    scene.comes_to_rest("2")
