"""What users see while the new container takes over beside the old one: failures, and silence.

start-first is asked under the container's name from a neighbour on its network, once as a client
that never repeats a request and once as a proxy that repeats one. warm is asked at its published
port every few milliseconds; by hand, two prepared containers are stopped and started.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from bench.figure import Figure, median
from lab import http
from lab.app import PORT, Behaviour, Check, Release
from lab.engine import LABEL, find_engine
from lab.neighbour import Neighbour, Seen
from lab.ports import free_port
from lab.waiting import wait_for
from lab.world import World
from listener.drivers.engine import Engine

_SWAPS = 20
_REQUESTS = 5_200
_SICK = 20
_ROUNDS = 5
_SLOW = 5


def measure(directory: Path) -> list[Figure]:
    """All of it, one after the other; about a quarter of an hour."""
    engine = find_engine()
    settings = {"defaults": {"health": {"settle": "1s"}, "debounce": "0s"}}
    try:
        with World(engine, directory, settings=settings) as world:
            return [*_start_first(world), *_warm(world)]
    finally:
        engine.stop()


def _start_first(world: World) -> list[Figure]:
    network = f"{world.session}-net"
    world.engine.docker("network", "create", "--label", f"{LABEL}={world.session}", network)
    _run(world, "web", network, "start-first")
    world.listener.start()
    world.wait_late_push("web")
    neighbour = Neighbour(world.engine, network, world.session)
    good = [Release(f"good-{number}") for number in range(_SWAPS)]
    sick = [Release(f"sick-{number}", Behaviour.SICK) for number in range(_SICK)]
    once, repeating = _watch_swaps(world, neighbour, good, "succeeded")
    (seen, _) = _watch_swaps(world, neighbour, sick, "failed")
    return [
        _failures(f"start-first, {_SWAPS} swaps, behind a proxy", repeating),
        _failures(f"start-first, {_SWAPS} swaps, by name, never repeated", once),
        _failures(f"start-first, {_SICK} sick pushes, by name", seen),
    ]


def _watch_swaps(
    world: World, neighbour: Neighbour, releases: list[Release], state: str
) -> tuple[Seen, Seen]:
    """What two clients see from the first push to the end of the last deployment."""
    # As long as it takes at most; the rate makes the number of requests.
    seconds = len(releases) * 25.0
    name, rate = world.name("web"), _REQUESTS / seconds
    once = neighbour.begins(name, seconds=seconds, rate=rate)
    repeating = neighbour.begins(name, seconds=seconds, rate=rate, repeats=1)
    for release in releases:
        digest = world.push("web", release)
        done = world.listener.deployment_of(name, digest, timeout=120)
        assert done["state"] == state, done
    return once.ends(), repeating.ends()


def _failures(name: str, seen: Seen) -> Figure:
    facts = f"of {seen.requests} requests; longest silence {seen.gap * 1000:.0f} ms"
    if seen.failures:
        facts += f"; first: {seen.failures[0]}"
    return Figure(name, len(seen.failures), "", facts, most=0)


def _warm(world: World) -> list[Figure]:
    figures = []
    for word, release, most in (
        ("boots at once", Release("1"), 0.6),
        ("boots in 5 s", _slow("1"), 0.1),
    ):
        app = word.replace(" ", "-")
        network = f"{world.session}-{app}"
        world.engine.docker("network", "create", "--label", f"{LABEL}={world.session}", network)
        url = _run(world, app, network, "warm", release)
        world.wait_target(app)
        ours, hand = [], []
        for number in range(_ROUNDS):
            again = Release(f"{number}-ours") if release.seconds != _SLOW else _slow(f"{number}-o")
            ours.append(_silence_of_a_push(world, app, url, again))
            hand.append(_silence_by_hand(world, app, release, number))
        figures.append(
            Figure(
                f"warm, an app that {word}, against stop + start by hand",
                median(ours) / median(hand),
                "×",
                f"{median(ours) * 1000:.0f} ms against {median(hand) * 1000:.0f} ms",
                most=most,
            )
        )
    return figures


def _slow(version: str) -> Release:
    return Release(version, Behaviour.SLOW, seconds=_SLOW, check=Check(start_period=30))


def _run(
    world: World, app: str, network: str, strategy: str, release: Release | None = None
) -> str:
    world.push(app, release or Release("1"))
    port = free_port()
    published = ("-p", f"127.0.0.1:{port}:{PORT}") if strategy == "warm" else ()
    labels = {
        "listener.enable": "true",
        "listener.scope": world.session,
        "listener.strategy": strategy,
    }
    world.engine.docker(
        *("run", "-d", "--name", world.name(app), "--network", network, *published),
        *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
        world.image(app),
    )
    _wait_healthy(world, app)
    return f"http://127.0.0.1:{port}/"


def _wait_healthy(world: World, app: str) -> None:
    wait_for(
        lambda: world.container(app)["State"]["Health"]["Status"] == "healthy",
        f"{app} is healthy",
    )


def _silence_of_a_push(world: World, app: str, url: str, release: Release) -> float:
    with _Silence(url) as silence:
        digest = world.push(app, release)
        done = world.listener.deployment_of(world.name(app), digest, timeout=120)
        assert done["state"] == "succeeded", done
    return silence.longest


def _silence_by_hand(world: World, app: str, release: Release, number: int) -> float:
    """The same app in two containers of one published port: stop one, start the other."""
    port, network = free_port(), f"{world.session}-{app}"
    image = f"{world.session}-hand-{app}:{number}"
    world.engine.docker("load", feed=world.build(release).archive(image))
    options = ("--network", network, "-p", f"127.0.0.1:{port}:{PORT}", image)
    names = [world.name(f"{app}-{which}-{number}") for which in ("first", "second")]
    world.engine.docker("run", "-d", "--name", names[0], *options)
    world.engine.docker("create", "--name", names[1], *options)
    url = f"http://127.0.0.1:{port}/"
    wait_for(lambda: http.what_answers(url), "the first container answers")
    with _Silence(url) as silence:
        asyncio.run(_stop_and_start(world, names[0], names[1]))
        wait_for(lambda: http.what_answers(url), "the second container answers", every=0.005)
    world.engine.docker("rm", "-f", *names)
    return silence.longest


async def _stop_and_start(world: World, first: str, second: str) -> None:
    engine = Engine(world.engine.url)
    await engine.connect()
    try:
        await engine.stop(first, 10)
        await engine.start(second)
    finally:
        await engine.close()


class _Silence:
    """The longest time between two good answers of an address that is asked all the time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest = 0.0

    def __enter__(self) -> _Silence:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        last = time.monotonic()
        answers = False
        # The last good answer closes the silence, so it goes on until there is one.
        while not (self._ended.is_set() and answers):
            answers = http.what_answers(self._url, timeout=1.0) is not None
            if answers:
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
            time.sleep(0.005)
