"""Debian's `webhook` and a script of three lines, as many tutorials have it."""

from __future__ import annotations

import json
import os
import signal

from bench.apps import network_of, wait_healthy
from bench.peers.peer import Peer
from bench.proc import children
from listener.demo import http
from listener.demo.app import Release
from listener.demo.process import Process, program
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World

_SCRIPT = """#!/bin/sh
docker pull {image}
docker rm -f {name}
docker run -d --name {name} --network {network} --restart unless-stopped {image}
"""


class Script(Peer):
    """It listens where the world's listener would, so the registry tells it of the pushes."""

    name = "`webhook` and a script: pull, rm -f, run"
    told = "webhook"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        directory = world.directory
        self._script = directory / "deploy.sh"
        values = {"image": world.image("web"), "name": self.host, "network": network_of(world)}
        self._script.write_text(_SCRIPT.format(**values))
        self._script.chmod(0o755)
        hooks = directory / "webhook.json"
        hooks.write_text(json.dumps([self._hook()]))
        port = str(world.listener.public_port)
        command = [
            program("webhook"),
            "-hooks",
            str(hooks),
            "-ip",
            "127.0.0.1",
            "-port",
            port,
            "-verbose",
        ]
        self._process = Process(command, directory / "webhook.log", env=world.engine.env)

    def _hook(self) -> dict[str, object]:
        def equals(source: str, name: str, value: str) -> dict[str, object]:
            parameter = {"source": source, "name": name}
            return {"match": {"type": "value", "value": value, "parameter": parameter}}

        return {
            "id": HOOK,
            "execute-command": str(self._script),
            "incoming-payload-content-type": "application/json",
            "trigger-rule": {
                "and": [
                    equals("header", "Authorization", f"Bearer {self.world.token}"),
                    equals("payload", "events.0.action", "push"),
                    equals("payload", "events.0.target.tag", "latest"),
                ]
            },
        }

    def begin(self, first: Release) -> None:  # noqa: ARG002 - it is the registry's latest
        """The late notice of the first push runs the script for the first time."""
        self.restart()
        wait_for(lambda: self.host in self._running(), "the script has run", timeout=60)
        wait_healthy(self.world, "web")

    def _running(self) -> list[str]:
        return self.world.engine.docker("ps", "--format", "{{.Names}}").split()

    def act(self) -> None:
        """Nothing: the registry tells it."""

    def settle(self) -> None:
        """No script runs."""
        wait_for(lambda: not children(self._process.pid), "the script ends", timeout=60)

    def kill(self) -> None:
        """With the script, as systemd does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def restart(self) -> None:
        """As systemd does."""
        self._process.start()
        url = self.world.listener.public
        wait_for(lambda: http.get(f"{url}/").status, "webhook listens")

    def processes(self) -> list[int]:
        """It alone."""
        return [self._process.pid]

    def end(self) -> None:
        """Ends it."""
        self._process.stop()
