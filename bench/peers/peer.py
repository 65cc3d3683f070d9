"""What every way of bringing a pushed image to its users has in common."""

from __future__ import annotations

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from typing import Literal

from bench.apps import network_of
from listener.demo.app import Release
from listener.demo.world import World


class Peer(ABC):
    """One way, in a world whose listener runs only if it is ours.

    `middle` is the event that says that a swap is half done: the old container dies, or the new
    one starts where the old one still serves. `told` says how it learns of a push, and `engine`
    whether what deploys is the engine itself.
    """

    name: str
    told: str
    middle: Literal["die", "start"] = "die"
    engine = False

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def network(self) -> str:
        """Where its users ask from."""
        return network_of(self.world)

    @property
    def host(self) -> str:
        """The name under which they ask."""
        return self.world.name("web")

    @abstractmethod
    def begin(self, first: Release) -> None:
        """Runs the first release, which was pushed, and returns once it is healthy."""

    @abstractmethod
    def act(self) -> None:
        """Does what a push needs from somebody. Returns at once."""

    @abstractmethod
    def settle(self) -> None:
        """Returns once nothing is under way any more."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL to all that deploys."""

    @abstractmethod
    def restart(self) -> None:
        """What a supervisor does then; nothing where none would."""

    @abstractmethod
    def processes(self) -> list[int]:
        """What runs all the time beside the engine."""

    @abstractmethod
    def end(self) -> None:
        """Ends what it started, beside the world's own."""


class Command(Peer):
    """One that is a command, run by hand or by a CI after each push. Nobody repeats it."""

    told = "a command after each push"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._running: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The command."""

    def act(self) -> None:
        """Begins it, with all that it starts in a group of its own."""
        self._running = subprocess.Popen(
            self.command(),
            env={**os.environ, **self.world.engine.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def settle(self) -> None:
        """Waits for its end."""
        if self._running:
            self._running.wait(120)

    def kill(self) -> None:
        """Kills the whole group."""
        if self._running and self._running.poll() is None:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()

    def restart(self) -> None:
        """Nobody does."""

    def processes(self) -> list[int]:
        """None."""
        return []

    def end(self) -> None:
        """It has ended."""
