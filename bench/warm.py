"""What users of a published port see of `warm`, asked every few milliseconds.

By hand, two prepared containers of the same app are stopped and started.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.apps import deploy, run_app
from bench.figure import Figure, median
from bench.silence import Silence, by_hand
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import find_engine
from listener.demo.world import World

_ROUNDS = 3
_SLOW = 5


def measure(directory: Path) -> list[Figure]:
    """An app that boots at once, and one that takes its time."""
    engine = find_engine()
    settings = {"defaults": {"health": {"settle": "1s"}, "debounce": "0s"}}
    try:
        with World(engine, directory, settings=settings) as world:
            world.listener.start()
            slow = Behaviour.SLOW
            patient = Check(timeout=30, start_period=30)
            return [
                _figure(world, "boots at once", Release("1", check=Check(timeout=30)), most=0.6),
                _figure(world, f"boots in {_SLOW} s", Release("1", slow, _SLOW, patient), most=0.1),
            ]
    finally:
        engine.stop()


def _figure(world: World, word: str, first: Release, most: float) -> Figure:
    app = word.replace(" ", "-")
    url = run_app(world, app, first, published=True, strategy="warm")
    world.wait_target(app)
    ours, hand = [], []
    for number in range(_ROUNDS):
        with Silence(url) as silence:
            deploy(world, app, replace(first, version=f"{number}-ours"), "succeeded")
        ours.append(silence.longest)
        hand.append(by_hand(world, app, first, number))
    return Figure(
        f"warm, an app that {word}, against stop + start by hand",
        median(ours) / median(hand),
        "×",
        f"{median(ours) * 1000:.0f} ms against {median(hand) * 1000:.0f} ms",
        most=most,
    )
