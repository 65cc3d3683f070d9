"""SIGKILL at any moment, again and again, with good and sick releases under way.

`CHAOS_KILLS` says how often, `CHAOS_SEED` repeats a run that failed.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from lab import http
from lab.app import Behaviour
from lab.world import World
from tests.chaos.scene import Scene

KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LONGEST = 6.0
"""Seconds: a deployment of a sick release takes about as long, with its way back."""


@pytest.mark.timeout(60 + 30 * KILLS)
def test_kills_at_random_moments(world: World) -> None:
    print(f"CHAOS_SEED={SEED}")
    dice = random.Random(SEED)
    scene = Scene(world)
    good = {"1"}
    for number in range(2, 2 + KILLS):
        sick = dice.random() < 0.4
        scene.push(str(number), Behaviour.SICK if sick else Behaviour.GOOD)
        if not sick:
            good.add(str(number))
        # Not a wait for anything: the moment of the kill is what is tried here.
        time.sleep(dice.uniform(0, LONGEST))
        world.listener.kill(redis=dice.random() < 0.5)
        world.listener.start()

    # At rest a good version answers; which one depends on what overtook what.
    world.listener.quiet(timeout=120)
    version = http.what_answers(scene.url)
    assert version in good
    scene.comes_to_rest(version)

    # Whatever happened before, a good release still gets through.
    scene.push("99")
    scene.comes_to_rest("99")
