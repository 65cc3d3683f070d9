"""How long twenty sick releases take a recreated container from its users.

From the stop of the old one to the verdict nobody can do anything; what is measured is what comes
after the verdict, against a stop and a start by hand.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from bench.apps import deploy, run_app
from bench.figure import Figure, median
from bench.silence import Silence, by_hand
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import find_engine
from listener.demo.world import World

_PUSHES = 20
_BY_HAND = 7
_CHECK = Check(interval=0.5, timeout=30)


def measure(directory: Path) -> list[Figure]:
    """Sick pushes one after the other, to a container with a published port."""
    engine = find_engine()
    settings = {"defaults": {"health": {"settle": "0s"}, "debounce": "0s"}}
    good = Release("1", check=_CHECK)
    down, back, hand = [], [], []
    try:
        with World(engine, directory, settings=settings) as world:
            url = run_app(world, "web", good, published=True, strategy="recreate")
            world.listener.start()
            world.wait_late_push("web")
            for number in range(_PUSHES):
                sick = Release(f"sick-{number}", Behaviour.SICK, check=_CHECK)
                with Silence(url, version="1") as silence:
                    done = deploy(world, "web", sick, "rolled_back")
                down.append(silence.longest)
                back.append(silence.longest - _until_verdict(done))
                if number < _BY_HAND:
                    hand.append(by_hand(world, "web", good, number))
    finally:
        engine.stop()
    return [
        Figure(
            f"recreate, {_PUSHES} sick pushes: down after the verdict, against by hand",
            median(back) / median(hand),
            "×",
            f"{median(back) * 1000:.0f} ms against {median(hand) * 1000:.0f} ms;"
            f" down {median(down):.2f} s in all, at most {max(down):.2f} s",
            most=1.15,
        )
    ]


def _until_verdict(deployment: dict[str, Any]) -> float:
    """Seconds from the beginning of the cutover to the end of the watch."""
    steps = {step["name"]: step for step in deployment["steps"]}
    ended, began = steps["watch"]["finished_at"], steps["cutover"]["started_at"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
