"""A container that was stopped on purpose is replaced, and stays stopped whatever is lost."""

from __future__ import annotations

import pytest

from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import APP, Scene


@pytest.mark.parametrize("fault", ["create", "freed", "named", "before-commit"])
def test_it_stays_stopped_where_redis_is_lost_too(world: World, fault: str) -> None:
    scene = Scene(world)
    world.engine.docker("stop", world.name(APP))
    scene.die_at(fault, "2")
    scene.lose_redis()
    world.listener.start()
    # What is not known any more is found at the registry, and done once more.
    wait_for(
        lambda: any(one["state"] == "succeeded" for one in world.listener.deployments()),
        "it is replaced",
        timeout=90,
    )
    world.listener.quiet()
    after = world.container(APP)
    assert after["Id"] != scene.first["Id"]
    assert after["State"]["StartedAt"].startswith("0001-"), "it was never started"
    assert not world.leftovers(APP)
