"""A Docker engine: the one that already runs here, or one of our own for as long as we need it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from listener.demo.process import Process, program
from listener.demo.waiting import NeverHappened, wait_for

SYSTEM_SOCKET = Path("/var/run/docker.sock")
_DETACH = 2
LABEL = "lab.session"
"""Borne by every image, container, network and volume that the lab makes; its value: a session."""

BEHIND = "LAB_SOCKET_PROXY"
"""The environment variable with the engine's address for listeners, see `lab.socket_proxy`."""


class EngineTrouble(Exception):
    """The engine or its command line said no; the message is what it said."""


class Engine:
    """A reachable engine and the `docker` command line that speaks to it."""

    def __init__(self, socket_path: Path, *, process: Process | None = None) -> None:
        self.socket = socket_path
        self.process = process
        """The engine's process where it is our own, else None."""

    @property
    def url(self) -> str:
        """As DOCKER_HOST and the configuration have it."""
        return f"unix://{self.socket}"

    @property
    def listener_url(self) -> str:
        """What a listener is told: the same, or the socket proxy that a whole run goes through."""
        return os.environ.get(BEHIND, self.url)

    @property
    def env(self) -> dict[str, str]:
        """What a child process needs to use this engine."""
        return {"DOCKER_HOST": self.url}

    def docker(
        self,
        *arguments: str,
        feed: bytes | None = None,
        timeout: float = 120,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Runs `docker ARGUMENTS` and returns what it printed; raises EngineTrouble."""
        try:
            done = subprocess.run(
                [program("docker"), *arguments],
                input=feed,
                stdin=subprocess.DEVNULL if feed is None else None,
                capture_output=True,
                env={**os.environ, **self.env, **(env or {})},
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            took = f"it takes longer than {timeout:g} s"
            raise EngineTrouble(f"docker {' '.join(arguments[:2])}: {took}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise EngineTrouble(f"docker {' '.join(arguments[:2])}: {said}")
        return done.stdout.decode(errors="replace").strip()

    def inspect(self, container: str) -> dict[str, Any]:
        """The engine's whole answer about one container; raises EngineTrouble."""
        answer: list[dict[str, Any]] = json.loads(self.docker("container", "inspect", container))
        return answer[0]

    def containers(self, session: str) -> dict[str, str]:
        """Name -> state (running, exited, created, …) of every container of one lab session."""
        lines = self.docker(
            *("ps", "-a", "--filter", f"label={LABEL}={session}"),
            *("--format", "{{.Names}}\t{{.State}}"),
        ).splitlines()
        return dict(line.split("\t", 1) for line in lines)

    def prune_images(self, session: str) -> None:
        """`docker image prune -a`, but only among the images of one lab session."""

        def pruned() -> bool:
            try:
                self.docker("image", "prune", "-af", "--filter", f"label={LABEL}={session}")
            except EngineTrouble as problem:
                # An engine does one at a time, and others may have begun theirs.
                if "already running" not in str(problem):
                    raise
                return False
            return True

        wait_for(pruned, "the images are pruned")

    def clean(self, session: str) -> None:
        """Removes everything that bears the label of one lab session."""
        mine = f"label={LABEL}={session}"
        for what, listing, removal in (
            ("container", ["-aq"], ["-fv"]),
            ("network", ["-q"], []),
            ("volume", ["-q"], ["-f"]),
            ("image", ["-aq", "--no-trunc"], ["-f"]),
        ):
            found = self.docker(what, "ls", *listing, "--filter", mine).split()
            for one in dict.fromkeys(found):
                # An image may go with its last name or its child, a container by its own `--rm`.
                with suppress(EngineTrouble):
                    self.docker(what, "rm", *removal, one)

    @property
    def answers(self) -> bool:
        """Whether the engine answers."""
        return _answers(self.socket)

    def stop(self) -> None:
        """Ends the engine if it is our own, and removes its files; else does nothing."""
        if self.process is None:
            return
        self.process.stop(timeout=30)
        remove_home(self.process.log.parent)


def find_engine() -> Engine:
    """The engine that runs, or one that is started now; `stop` ends only the latter.

    Raises process.MissingPart or EngineTrouble with what to do.
    """
    wanted = os.environ.get("DOCKER_HOST", "")
    if wanted and not wanted.startswith("unix://"):
        raise EngineTrouble(f"DOCKER_HOST is {wanted}: only a local engine (unix://…) is used here")
    path = Path(wanted.removeprefix("unix://")) if wanted else SYSTEM_SOCKET
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise EngineTrouble(f"{path} may not be opened by this user: run this as root")
    if _answers(path):
        return Engine(path)
    if wanted:
        raise EngineTrouble(f"no engine answers at DOCKER_HOST={wanted}")
    return start_engine()


def start_engine() -> Engine:
    """An engine of our own: its data, socket and log in one temporary directory."""
    if os.geteuid() != 0:
        raise EngineTrouble("no Docker engine runs here and only root can start one")
    dockerd = program("dockerd")
    # Not /tmp, which is often held in memory: layers need a real file system.
    home = Path(tempfile.mkdtemp(prefix="listener-lab-engine-", dir="/var/tmp"))
    path = home / "docker.sock"
    process = Process(
        [
            dockerd,
            *("--host", f"unix://{path}", "--pidfile", str(home / "docker.pid")),
            *("--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
        ],
        home / "dockerd.log",
        # dockerd starts iptables, containerd and runc by name.
        env={"PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"},
    )
    engine = Engine(path, process=process)
    try:
        process.start()
        wait_for(lambda: _answers(path) or not process.alive, "the engine answers", timeout=90)
    except NeverHappened:
        process.kill()
    except BaseException:
        engine.stop()
        raise
    if not process.alive:
        words = process.last_words(5)
        engine.stop()
        raise EngineTrouble(f"the Docker engine did not start: {words}")
    return engine


def remove_home(home: Path) -> None:
    """Removes the files of an engine of our own that has ended."""
    # The engine mounts its data directory upon itself and may leave that behind. Called directly,
    # for the smallest systems have no umount program.
    libc = ctypes.CDLL(None)
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted(points, reverse=True):
        if Path(point).is_relative_to(home):
            libc.umount2(point.encode(), _DETACH)
    shutil.rmtree(home, ignore_errors=True)


def _answers(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False
