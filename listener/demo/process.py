"""A server as a child process: started, watched, stopped or killed, with its output in a file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_PACKAGES = {"docker": "docker.io", "dockerd": "docker.io", "busybox": "busybox-static"}
"""What Debian calls the packages that have another name than their program."""


class MissingPart(Exception):
    """A program that is needed is not on this machine; the message says what to do."""


def program(name: str) -> str:
    """The full path of an installed program; raises MissingPart."""
    # The system's directories are searched too: a user's PATH often lacks the sbin ones.
    places = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=places)
    if found is None:
        package = _PACKAGES.get(name, name)
        raise MissingPart(
            f"{name} is not installed: `apt-get install {package}` as root on Debian and its kin"
        )
    return found


class Process:
    """One child in a session of its own, so that Ctrl-C reaches us and we end it in order."""

    def __init__(
        self, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None
    ) -> None:
        self.command = list(command)
        self.log = log
        self.env = dict(env or {})
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id; only while it runs or just ended."""
        if self._child is None:
            raise RuntimeError(f"{self.command[0]} was not started")
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """As Python has it (negative: ended by that signal); None while it runs."""
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Starts it; its output is appended to the log."""
        if self.alive:
            return
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal if it still runs."""
        if self._child is not None and self.alive:
            self._child.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Waits for its end and returns the exit code; raises subprocess.TimeoutExpired."""
        if self._child is None:
            raise RuntimeError(f"{self.command[0]} was not started")
        return self._child.wait(timeout)

    def stop(self, timeout: float = 20.0) -> int | None:
        """SIGTERM, then SIGKILL after `timeout` seconds; returns the exit code."""
        if self._child is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int | None:
        """SIGKILL; returns once it is gone."""
        if self._child is None:
            return None
        self.signal(signal.SIGKILL)
        return self._child.wait(10)

    def logs(self) -> str:
        """Everything that it has written since the first start."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, for messages."""
        return "\n".join(self.logs().splitlines()[-lines:])


class Server(ABC):
    """Something that is started on entry and stopped on leaving, also where its start fails."""

    @abstractmethod
    def start(self) -> None:
        """Returns once it answers."""

    @abstractmethod
    def stop(self) -> object:
        """Ends it in order; fine where it does not run."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
