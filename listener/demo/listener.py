"""The real program as a child process: started, asked, stopped, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from listener.demo import http
from listener.demo.ports import free_port
from listener.demo.process import Process, Server
from listener.demo.waiting import wait_for

FINAL = ("succeeded", "rolled_back", "failed", "superseded", "skipped", "rollback_failed")
_SLOWEST_ANSWER = 30.0
"""Seconds for an answer of the API: a busy machine is no fault."""


class Listener(Server):
    """`listener run` (or serve, work) on free ports with a state directory of its own.

    `settings` is laid over what the lab fills in: ports, state directory, engine, host name.
    `inside` is the command that runs it somewhere else, in the network of a host for one.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Any],
        *,
        verb: str = "run",
        env: Mapping[str, str] | None = None,
        ports: tuple[int, int] | None = None,
        inside: tuple[str, ...] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.verb = verb
        self._inside = inside
        self.public_port, self.admin_port = ports or (free_port(), free_port())
        self.public = f"http://127.0.0.1:{self.public_port}"
        self.admin = f"http://127.0.0.1:{self.admin_port}"
        self.state = directory / "state"
        self.file = directory / "listener.yml"
        self.settings: dict[str, Any] = {
            "listen": f"127.0.0.1:{self.public_port}",
            "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
            "state_dir": str(self.state),
            "host": "lab",
            **settings,
        }
        self.write()
        self.env = dict(env or {})
        self.log = directory / "listener.log"
        self._process = Process(self._command(verb), self.log, env=self.env)

    # -- its life ---------------------------------------------------------------------------

    def write(self) -> None:
        """Writes the configuration file from `settings`."""
        self.file.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    def start(self, *, fault: str | None = None, ready: bool = True, timeout: float = 120) -> None:
        """Starts it; with `ready` returns once it says so. `fault` kills it at that fault point."""
        env = {**self.env, **({"LISTENER_FAULT": fault} if fault else {})}
        self._process = Process(self._command(self.verb), self.log, env=env)
        self._process.start()
        if ready:
            self.wait_ready(timeout)

    def wait_ready(self, timeout: float = 120) -> None:
        """Returns once /readyz answers 200; raises AssertionError with its last words."""

        def ready() -> bool:
            return not self.alive or http.get(f"{self.admin}/readyz").status == 200

        try:
            wait_for(ready, f"listener {self.verb} is ready", timeout=timeout)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._process.last_words()}") from None
        if not self.alive:
            raise AssertionError(
                f"listener {self.verb} ended with {self._process.exit_code}:\n"
                f"{self._process.last_words()}"
            )

    @property
    def alive(self) -> bool:
        """Whether the process runs (its embedded Redis aside)."""
        return self._process.alive

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self, timeout: float = 45) -> int | None:
        """SIGTERM, as an init system would; returns the exit code. No Redis is left behind."""
        code = self._process.stop(timeout)
        self.kill_redis()
        return code

    def kill(self, *, redis: bool = False) -> None:
        """SIGKILL; with `redis` its embedded server too, at the same moment."""
        self._process.signal(signal.SIGKILL)
        if redis:
            self.kill_redis()
        self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        """Any other signal: SIGHUP, SIGSTOP, SIGCONT."""
        self._process.signal(number)

    def wait(self, timeout: float = 120) -> int:
        """Waits for its end, at a fault point for example; returns the exit code."""
        return self._process.wait(timeout)

    def kill_redis(self) -> None:
        """SIGKILL to whatever works in the state directory: the embedded server, if it lives.

        Returns once it writes no more: tests remove the directory then.
        """
        doomed = _working_in(self.state)
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not doomed & _working_in(self.state), f"Redis leaves {self.state}")

    def logs(self) -> str:
        """All that it has written."""
        return self._process.logs()

    # -- what it says -----------------------------------------------------------------------

    def api(self, path: str, content: object | None = None) -> Any:
        """GET /api/v1/PATH, or POST where there is content; raises AssertionError on an error,
        ConnectionError while Redis is away.
        """
        url = f"{self.admin}/api/v1/{path}"
        if content is None:
            answer = http.request("GET", url, headers=self._proof(), timeout=_SLOWEST_ANSWER)
        else:
            answer = http.post_json(url, content, self._proof(), timeout=_SLOWEST_ANSWER)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise ConnectionError(f"{url} answered {answer.status}: {answer.text}")
        if answer.status >= 400:
            raise AssertionError(f"{url} answered {answer.status}: {answer.text}")
        return answer.json

    def target(self, name: str) -> dict[str, Any]:
        """One target as the API shows it."""
        shown: dict[str, Any] = self.api(f"targets/{name}")
        inner: dict[str, Any] = shown["targets"][0] if "targets" in shown else shown
        return inner

    def deployments(self, target: str | None = None) -> list[dict[str, Any]]:
        """The history, newest first."""
        query = f"&target={target}" if target else ""
        found: list[dict[str, Any]] = self.api(f"deployments?limit=100{query}")["deployments"]
        return found

    def pushes(self) -> list[dict[str, Any]]:
        """What came in."""
        found: list[dict[str, Any]] = self.api("pushes?limit=200")["pushes"]
        return found

    def deployment_of(
        self, target: str, digest: str, *, timeout: float = 240, every: float = 0.05
    ) -> dict[str, Any]:
        """Waits until a deployment of this digest has ended and returns it; asks `every` so often,
        in seconds.
        """

        def ended() -> dict[str, Any] | None:
            for one in self.deployments(target):
                if one["to_digest"] == digest and one["state"] in FINAL:
                    return one
            return None

        try:
            what = f"{target} ends a deployment of {digest[:19]}"
            return wait_for(ended, what, timeout=timeout, every=every)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._process.last_words(40)}") from None

    def quiet(self, *, timeout: float = 240) -> list[dict[str, Any]]:
        """Waits until every deployment has ended, and returns them, newest first."""

        def ended() -> bool:
            return all(one["state"] in FINAL for one in self.deployments())

        wait_for(ended, "every deployment ends", timeout=timeout)
        return self.deployments()

    def metrics(self) -> str:
        """The page for Prometheus."""
        return http.request(
            "GET", f"{self.admin}/metrics", headers=self._proof(), timeout=_SLOWEST_ANSWER
        ).text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that bear at least these labels; 0 where none does."""
        total = 0.0
        for family in text_string_to_metric_families(self.metrics()):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    total += sample.value
        return total

    def cli(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Runs `listener ARGUMENTS` with the same configuration file."""
        return subprocess.run(
            [*_LISTENER, *arguments, "--config", str(self.file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **self.env},
            timeout=timeout,
            check=False,
        )

    def _proof(self) -> dict[str, str]:
        token = self.settings["admin"].get("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _command(self, verb: str) -> list[str]:
        return [*self._inside, *_LISTENER, verb, "--config", str(self.file)]


# -P: a clone in a folder of that name, where this is called, is no package.
_LISTENER = (sys.executable, "-P", "-m", "listener")


def _working_in(directory: Path) -> set[int]:
    """The processes whose working directory is this one: that is where a Redis server sits."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if Path(os.readlink(entry / "cwd")) == directory.resolve():
                    found.add(int(entry.name))
    return found
