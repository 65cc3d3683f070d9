"""A client on a network of the engine: it finds containers by name or alias, anew each time.

The engine's name server is asked from within the network of a container that does nothing else, by
this module run there (``python -m lab.neighbour``): what it sees is what a
container beside the target sees.
"""

from __future__ import annotations

import http.client
import json
import secrets
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from listener.demo.app import PORT, Release, build
from listener.demo.engine import LABEL, Engine
from listener.demo.waiting import wait_for

_NAME_SERVER = ("127.0.0.11", 53)
_PATIENCE = 2.0
# As long as HAProxy waits before it tries the same server again.
_BETWEEN_TRIES = 1.0


@dataclass(frozen=True)
class Seen:
    """What a client got: how many answers of each version, what failed, the longest silence."""

    answers: dict[str, int]
    failures: list[str]
    gap: float

    @property
    def requests(self) -> int:
        """All that was asked."""
        return sum(self.answers.values()) + len(self.failures)


class Neighbour:
    """A container of one session on a network, from which names are looked up and asked."""

    def __init__(self, engine: Engine, network: str, session: str) -> None:
        self._engine = engine
        image = build(Release("neighbour", check=None), {LABEL: session})
        name = f"{session}-neighbour:{secrets.token_hex(2)}"
        engine.docker("load", feed=image.archive(name))
        options = ("--network", network, "--label", f"{LABEL}={session}")
        self._container = engine.docker("run", "-d", *options, name).strip()
        self._pid = wait_for(
            lambda: engine.inspect(self._container)["State"]["Pid"], "the neighbour runs"
        )

    def asks(self, name: str) -> str | None:
        """The version that answers under a name now; None where none does."""
        seen = self.watches(name, seconds=0)
        return next(iter(seen.answers), None)

    def watches(self, name: str, *, seconds: float, rate: float = 100) -> Seen:
        """Asks under a name for so long, so often a second, each time on a new connection."""
        return self.begins(name, seconds=seconds, rate=rate).ends()

    def begins(self, name: str, *, seconds: float, rate: float = 100, repeats: int = 0) -> Watching:
        """Returns once it begins to ask; what was seen comes when the time is up.

        `repeats` is how often a connection that failed is tried again, as a proxy does.
        """
        command = [
            *("nsenter", "-t", str(self._pid), "-n"),
            *(sys.executable, "-m", "lab.neighbour", name, str(seconds)),
            *(str(rate), str(repeats)),
        ]
        here = Path(__file__).parents[1]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=here)
        assert process.stdout
        process.stdout.readline()
        return Watching(process)


class Watching:
    """A client that asks in the background, at most as long as this process lives."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ends(self) -> Seen:
        """What it saw, once its time is up."""
        with self._process as process:
            assert process.stdout
            said = process.stdout.read()
        return Seen(**json.loads(said))

    def stops(self) -> Seen:
        """What it saw until now; its time is up."""
        assert self._process.stdin
        self._process.stdin.close()
        return self.ends()


def _look_up(name: str) -> str:
    """One address of a name, by the engine's name server; raises OSError."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    number = secrets.randbits(16)
    question = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(_PATIENCE)
        asked.connect(_NAME_SERVER)
        asked.send(question)
        answer = asked.recv(512)
    if answer[3] & 15 or not struct.unpack(">H", answer[6:8])[0]:
        raise OSError(f"no address for {name}")
    # The address ends the last record, whether or not the engine shortens the names before it.
    return socket.inet_ntoa(answer[-4:])


def _connected(name: str, repeats: int) -> http.client.HTTPConnection:
    for left in reversed(range(repeats + 1)):
        try:
            connection = http.client.HTTPConnection(_look_up(name), PORT, timeout=_PATIENCE)
            connection.connect()
            break
        except OSError:
            if not left:
                raise
            time.sleep(_BETWEEN_TRIES)
    return connection


def _ask(name: str, repeats: int) -> str:
    connection = _connected(name, repeats)
    try:
        connection.request("GET", "/", headers={"Host": name})
        response = connection.getresponse()
        said = response.read().decode().strip()
    except http.client.HTTPException as problem:
        raise OSError(repr(problem)) from problem
    finally:
        connection.close()
    if response.status != 200:
        raise OSError(f"status {response.status}")
    return said


def _main(name: str, seconds: float, rate: float, repeats: int) -> None:
    answers: Counter[str] = Counter()
    failures: list[str] = []
    print("it begins", flush=True)
    began = last = time.monotonic()
    gap, turn = 0.0, 0
    while True:
        try:
            answers[_ask(name, repeats)] += 1
            now = time.monotonic()
            gap, last = max(gap, now - last), now
        except OSError as problem:
            failures.append(f"{time.monotonic() - began:.2f}: {problem}")
        turn += 1
        # Paced by the clock: a slow answer is followed by what it held up.
        due = began + turn / rate
        if due > began + seconds:
            break
        # Whoever started us closes this pipe to have done, and does so by dying too.
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    print(json.dumps({"answers": answers, "failures": failures, "gap": gap}))


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
