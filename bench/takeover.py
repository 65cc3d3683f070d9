"""What users of a container's name lose: by twenty good releases, and by twenty sick ones.

They ask from a neighbour on its network: once as a client that never repeats anything, and once as
a reverse proxy, which repeats a connection that failed, but no request that was sent.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.apps import deploy, ended, network_of, run_app
from bench.figure import Figure
from lab.neighbour import Neighbour, Seen, Watching
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import find_engine
from listener.demo.world import World

_SWAPS = 20
_REQUESTS = 5_000
_SICK = 20
_PER_SECOND = 100
_LONGEST = 600.0
_CHECK = Check(interval=0.5, timeout=30)
_APPS = {"beside": "start-first", "twin": "preflight"}


def measure(directory: Path) -> list[Figure]:
    """start-first with good releases, then both with sick ones."""
    engine = find_engine()
    settings = {
        "defaults": {
            "health": {"settle": "0s"},
            "debounce": "0s",
            # In the place of the ten seconds for which the old one goes on to serve.
            "lifecycle": {"before_stop": ["true"]},
        }
    }
    try:
        with World(engine, directory, settings=settings) as world:
            first = Release("1", check=_CHECK)
            run_app(world, "beside", first, published=False, strategy="start-first")
            run_app(world, "twin", first, published=False, preflight="true")
            world.listener.start()
            for app in _APPS:
                world.wait_late_push(app)
            neighbour = Neighbour(world.engine, network_of(world), world.session)
            return [*_good(world, neighbour), *_sick(world, neighbour)]
    finally:
        engine.stop()


def _good(world: World, neighbour: Neighbour) -> list[Figure]:
    enough = time.monotonic() + 1.1 * _REQUESTS / _PER_SECOND
    watching = [_watch(world, neighbour, "beside", repeats) for repeats in (0, 1)]
    for number in range(_SWAPS):
        deploy(world, "beside", Release(f"good-{number}", check=_CHECK), "succeeded")
    time.sleep(max(0.0, enough - time.monotonic()))
    once, proxy = (one.stops() for one in watching)
    word = f"start-first, {_SWAPS} swaps"
    # Between the two renames of a swap, the name has no address for some milliseconds.
    by_name = f"by name, nothing repeated: {len(once.failures)} of {once.requests:,}"
    return [
        Figure(f"{word}: requests", proxy.requests, "", by_name, least=_REQUESTS),
        _failed(f"{word}, behind a proxy: failed requests", proxy),
    ]


def _sick(world: World, neighbour: Neighbour) -> list[Figure]:
    watching = {app: _watch(world, neighbour, app, 0) for app in _APPS}
    for number in range(_SICK):
        sick = Release(f"sick-{number}", Behaviour.SICK, check=_CHECK)
        # Both at the same time, each in its own lane.
        for app, digest in [(app, world.push(app, sick)) for app in _APPS]:
            ended(world, app, digest, "failed")
    return [
        _failed(f"{word}, {_SICK} sick pushes, by name: failed requests", watching[app].stops())
        for app, word in _APPS.items()
    ]


def _watch(world: World, neighbour: Neighbour, app: str, repeats: int) -> Watching:
    name = world.name(app)
    return neighbour.begins(name, seconds=_LONGEST, rate=_PER_SECOND, repeats=repeats)


def _failed(name: str, seen: Seen) -> Figure:
    facts = f"of {seen.requests:,}; longest silence {seen.gap * 1000:.0f} ms"
    if seen.failures:
        facts += f"; first after {seen.failures[0]}"
    return Figure(name, len(seen.failures), "", facts, most=0)
