"""Mending a swap whose journal was lost: killed itself, or kept from it by a stranger."""

from __future__ import annotations

import shutil
import time

import pytest

from lab.events import Events
from listener.demo import http
from listener.demo.app import Behaviour, Release
from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import Scene


@pytest.mark.parametrize(
    ("fault", "behaviour", "again"),
    [
        ("stopping", Behaviour.GOOD, "revived"),
        ("stopping", Behaviour.GOOD, "vacated"),
        ("restored", Behaviour.SICK, "ended"),
        ("restored", Behaviour.SICK, "revived"),
    ],
)
def test_a_kill_while_mending(world: World, fault: str, behaviour: Behaviour, again: str) -> None:
    scene = Scene(world)
    scene.die_at(fault, "2", behaviour)
    scene.lose_redis()
    world.registry.stop()
    world.listener.start(fault=again, ready=False)
    wait_for(lambda: not world.listener.alive, f"the listener dies at {again}")
    world.listener.kill(redis=True)
    # The registry stays away: what answers is what mending brought back, not a new deployment.
    world.listener.start()
    scene.comes_to_rest("1")
    assert scene.same_container()


def test_one_container_that_cannot_be_mended_does_not_hold_up_the_others(world: World) -> None:
    scene = Scene(world)
    world.push("other", Release("1"))
    other = world.run("other")
    world.wait_answer(other, "1")
    scene.die_at("stopping", "2")
    scene.lose_redis()
    # Nobody serves; now a stranger takes the port, so that neither container can be started.
    port = scene.url.rstrip("/").rpartition(":")[2]
    stranger = f"{world.session}-stranger"
    world.engine.docker(
        *("run", "-d", "--name", stranger, "--label", f"{LABEL}={world.session}"),
        *("-p", f"127.0.0.1:{port}:9", world.image("other")),
    )
    world.listener.start()
    wait_for(
        lambda: "could not be mended" in world.listener.logs(), "the log says that it is not mended"
    )
    world.push("other", Release("2"))
    world.wait_answer(other, "2")

    # The stranger goes; the next start mends what is left.
    world.engine.docker("rm", "-f", stranger)
    assert http.what_answers(scene.url) is None
    world.listener.stop()
    world.listener.start()
    scene.comes_to_rest("2")


def test_a_stop_that_outlives_who_asked_for_it_ends_nobody(world: World) -> None:
    # Version 1 ignores SIGTERM: the engine goes on stopping it for ten seconds.
    url = world.begin("web", Release("1", Behaviour.STUBBORN))
    kills = ("event=kill", f"label={LABEL}={world.session}")
    signals = Events(
        world.engine, world.directory / "events", "{{.Actor.Attributes.signal}}", *kills
    )
    with signals:
        world.push("web", Release("2"))
        wait_for(lambda: "15" in signals.lines(), "the engine was told to stop version 1")
        world.listener.kill(redis=True)
    shutil.rmtree(world.directory / "state")
    world.registry.stop()
    world.listener.start()
    wait_for(lambda: not world.leftovers("web"), "nothing is left over", timeout=60)
    world.wait_answer(url, "1")
    # Longer than the stop would have taken.
    ends = time.monotonic() + 12
    while time.monotonic() < ends:
        assert world.container("web")["State"]["Running"]
