"""The listener itself, once for each strategy that does without a published port."""

from __future__ import annotations

import time

from bench.apps import run_app
from bench.peers.peer import Peer
from bench.proc import children
from listener.demo.app import Release

_RESTART_SECONDS = 1.0


class Ours(Peer):
    """`listener run` with its embedded Redis, told by the registry."""

    told = "webhook"
    strategy = "recreate"
    name = "listener, `recreate`"

    def begin(self, first: Release) -> None:
        """A container that is a target by its labels."""
        run_app(self.world, "web", first, published=False, strategy=self.strategy)
        self.world.listener.start()
        self.world.wait_late_push("web")

    def act(self) -> None:
        """Nothing: the registry tells it."""

    def settle(self) -> None:
        """No deployment is under way."""
        self.world.listener.quiet()

    def kill(self) -> None:
        """With its Redis, as systemd does."""
        self.world.listener.kill(redis=True)

    def restart(self) -> None:
        """As systemd does, by our unit."""
        time.sleep(_RESTART_SECONDS)
        self.world.listener.start()

    def processes(self) -> list[int]:
        """It and its children."""
        return [self.world.listener.pid, *children(self.world.listener.pid)]

    def end(self) -> None:
        """Its world ends it."""


class OursBeside(Ours):
    """The new container proves itself beside the old one."""

    strategy = "start-first"
    name = "listener, `start-first`"
    middle = "start"
