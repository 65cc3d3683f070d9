"""SIGKILL at any moment, again and again, with good and sick releases under way.

`CHAOS_KILLS` says how often, `CHAOS_SEED` repeats a run that failed.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from listener.demo import http
from listener.demo.app import Behaviour
from listener.demo.listener import FINAL
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import APP, Scene

KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LONGEST = 6.0
"""Seconds: a deployment of a sick release takes about as long, with its way back."""


@pytest.mark.timeout(900 + 30 * KILLS)
def test_kills_at_random_moments(world: World) -> None:
    print(f"CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    scene = Scene(world)
    good = ["1"]
    for version in map(str, range(2, 2 + KILLS)):
        sick = dice.random() < 0.4
        newest = scene.push(version, Behaviour.SICK if sick else Behaviour.GOOD)
        if not sick:
            good.append(version)
        # Not a wait for anything: the moment of the kill is what is tried here.
        time.sleep(dice.uniform(0, LONGEST))
        fate = dice.random()
        if fate < 0.15:
            scene.lose_redis()
        else:
            world.listener.kill(redis=fate < 0.55)
        world.listener.start()

    def came_and_went(runs: str) -> bool:
        """Whether the newest push is no longer on its way: it runs, or was judged.

        One of its deployments may be superseded by another of the same digest.
        """
        states = {
            one["state"] for one in world.listener.deployments() if one["to_digest"] == newest
        }
        return runs == newest or bool(states & (set(FINAL) - {"superseded"}))

    # A good release that was overtaken by a sick one may never have run, but what runs is good.
    def at_rest() -> str | None:
        target = world.listener.target(world.name(APP))
        if target["state"] != "idle" or not came_and_went(target["digest"]):
            return None
        version = http.what_answers(scene.url)
        return version if version in good else None

    world.wait_target(APP)
    scene.comes_to_rest(wait_for(at_rest, f"one of the good versions {good} answers", timeout=120))

    # Whatever happened before, a good release still gets through.
    scene.push("last")
    scene.comes_to_rest("last")
