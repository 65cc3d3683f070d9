"""The ``listener`` command as a user runs it: a process, piped or on a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_DEADLINE = 30


@dataclass(frozen=True)
class Ended:
    """How a command ended; `out` of a terminal bears its colours, `seen` does not."""

    code: int
    out: str
    err: str

    @property
    def seen(self) -> str:
        return _SEQUENCE.sub("", self.out).replace("\r\n", "\n")

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Shell:
    """Runs ``listener`` in an empty directory, without the environment of who tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(directory), "TERM": "xterm"}
        # `make coverage` counts what runs here, too.
        if counted := os.environ.get("COVERAGE_PROCESS_CONFIG"):
            self.environ["COVERAGE_PROCESS_CONFIG"] = counted

    async def start(self, *arguments: str, stdout: int = -1) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "listener", *arguments),
            cwd=self.directory,
            env=self.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            # Whoever starts the tests in the background may have had Ctrl-C ignored for all of us.
            preexec_fn=_heed_ctrl_c,
        )

    async def run(self, *arguments: str) -> Ended:
        """Its output goes into a pipe."""
        return await ended(await self.start(*arguments))

    async def on_terminal(self, *arguments: str, columns: int = 80) -> Ended:
        """Its output goes to a terminal of that width."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = await self.start(*arguments, stdout=theirs)
        os.close(theirs)
        shown, end = await asyncio.gather(asyncio.to_thread(_drain, ours), ended(process))
        os.close(ours)
        return Ended(end.code, shown.decode(), end.err)


def _drain(terminal: int) -> bytes:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Waits for a command to end; it must never show a traceback."""
    out, err = await asyncio.wait_for(process.communicate(), _DEADLINE)
    assert b"Traceback" not in err
    assert process.returncode is not None
    return Ended(process.returncode, (out or b"").decode(), err.decode())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    directory = tmp_path / "shell"
    directory.mkdir()
    return Shell(directory)


Configure = Callable[[str], None]


@pytest.fixture
def configure(shell: Shell) -> Configure:
    """Writes the configuration file that the shell's commands find."""

    def write(text: str) -> None:
        (shell.directory / "config").mkdir(exist_ok=True)
        (shell.directory / "config" / "listener.yml").write_text(text)

    return write
