"""How long the users of a published port get no good answer; what stop + start costs by hand."""

from __future__ import annotations

import asyncio
import threading
import time

from bench.apps import network_of
from listener.demo import http
from listener.demo.app import PORT, Release
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World
from listener.drivers.engine import Engine

_EVERY = 0.005


class Silence:
    """The longest time between two good answers of an address that is asked all the time.

    With `version`, answers of another one are none.
    """

    def __init__(self, url: str, version: str | None = None) -> None:
        self._url = url
        self._version = version
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.longest = 0.0
        """In seconds; whole once the block is left."""

    def __enter__(self) -> Silence:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _ask(self) -> None:
        last = time.monotonic()
        good = False
        # The last good answer closes the silence, so it goes on until there is one.
        while not (self._ended.is_set() and good):
            answer = http.what_answers(self._url, timeout=1.0)
            good = answer is not None and self._version in (None, answer)
            if good:
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
            time.sleep(_EVERY)


def by_hand(world: World, app: str, release: Release, number: int) -> float:
    """The same app in two containers of one published port: stop one, start the other."""
    port = free_port()
    image = f"{world.session}-hand-{app}:{number}"
    world.engine.docker("load", feed=world.build(release).archive(image))
    options = ("--network", network_of(world), "-p", f"127.0.0.1:{port}:{PORT}", image)
    names = [world.name(f"{app}-{which}-{number}") for which in ("first", "second")]
    world.engine.docker("run", "-d", "--name", names[0], *options)
    world.engine.docker("create", "--name", names[1], *options)
    url = f"http://127.0.0.1:{port}/"
    wait_for(lambda: http.what_answers(url), "the first container answers")
    with Silence(url) as silence:
        asyncio.run(_stop_and_start(world, names[0], names[1]))
        wait_for(lambda: http.what_answers(url), "the second container answers", every=_EVERY)
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
