"""docker-compose.yml as it ships, on images built from its Dockerfile: the demo, Prometheus, the
proxy.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from listener.demo import http
from listener.demo.engine import Engine, EngineTrouble
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
APP = "localhost:5000/demo/app"
LONG = 600


class Shipped:
    """The project of the file, under a name of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = f"lt-{secrets.token_hex(3)}"
        self.image = f"{self.name}-listener"
        self.port, self.prometheus = free_port(), free_port()
        self.env = {
            "LISTENER_IMAGE": self.image,
            "LISTENER_PORT": str(free_port()),
            "LISTENER_ADMIN_PORT": str(free_port()),
            "DEMO_PORT": str(self.port),
            "PROMETHEUS_PORT": str(self.prometheus),
            "LISTENER_SOCKET": str(engine.socket),
            "LISTENER_PROXY_SOCKET": str(engine.socket),
            "DOCKER_GID": str(engine.socket.stat().st_gid),
        }

    def build(self, version: str = "", **arguments: str) -> None:
        """The program's image; or, with a version, the app's, pushed to the registry."""
        given = [f"--build-arg={name.upper()}={value}" for name, value in arguments.items()]
        if not version:
            self.engine.docker("build", "-q", "-t", self.image, *given, str(ROOT), timeout=LONG)
            return
        given.append(f"--build-arg=VERSION={version}")
        context = str(ROOT / "examples/app")
        self.engine.docker("build", "-q", "-t", APP, *given, context, timeout=LONG)

    def compose(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """`docker compose ARGUMENTS` with the file as it is."""
        command = ["docker", "compose", "-p", self.name, "-f", str(ROOT / "docker-compose.yml")]
        env = {**os.environ, **self.engine.env, **self.env, **(env or {})}
        done = subprocess.run(
            [*command, *arguments],
            env=env,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        if done.returncode:
            raise EngineTrouble(f"docker compose {arguments}: {done.stderr}")

    def inspect(self, service: str) -> dict[str, Any]:
        return self.engine.inspect(f"{self.name}-{service}-1")

    def ready(self) -> None:
        """Returns once the worker has said that it sees the app."""

        def sees_it() -> bool:
            with_app = self.said("targets")
            return bool(with_app and with_app[0]["state"] == "idle")

        wait_for(sees_it, "the worker sees the app", timeout=120)

    def said(self, *verb: str) -> list[dict[str, Any]]:
        """What `listener VERB` lists, asked in the receiver's container."""
        try:
            text = self.engine.docker(
                "exec", f"{self.name}-serve-1", "listener", *verb, "--json", timeout=60
            )
        except EngineTrouble:
            return []
        (listed,) = json.loads(text).values()
        return listed

    def push(self, state: str) -> dict[str, Any]:
        """Pushes the app; returns its deployment once it has ended in that state."""
        before = {one["id"] for one in self.said("history")}
        self.engine.docker("push", "-q", APP, timeout=LONG)

        def ended() -> dict[str, Any]:
            new = [one for one in self.said("history") if one["id"] not in before]
            return next((one for one in new if one["finished_at"]), {})

        deployment = wait_for(ended, "the push is deployed", timeout=180)
        assert deployment["state"] == state, deployment
        return deployment

    def watched(self, what: str) -> dict[str, Any]:
        """What Prometheus says of its targets or rules; empty while it does not answer."""
        try:
            answer = http.get(f"http://127.0.0.1:{self.prometheus}/api/v1/{what}")
        except OSError:
            return {}
        return dict(answer.json["data"]) if answer.status == 200 else {}

    def version(self) -> str:
        """What the app answers its users."""
        return wait_for(self._answer, "the app answers", timeout=60)

    def _answer(self) -> str:
        try:
            return http.get(f"http://127.0.0.1:{self.port}/").text.strip()
        except OSError:
            return ""


@pytest.fixture
def shipped(engine: Engine) -> Iterator[Shipped]:
    made = Shipped(engine)
    subprocess.run([ROOT / "tools/stand-ins"], env={**os.environ, **engine.env}, check=True)
    yield made
    made.compose("--profile", "*", "down", "--volumes", "--timeout", "3")
    held = engine.docker("ps", "-aq", "--filter", "label=listener.pin=app").split()
    if held:
        engine.docker("rm", *held)
    engine.docker("rmi", "-f", made.image, APP, timeout=LONG)


@pytest.mark.timeout(1200)
def test_the_shipped_file_deploys_a_push_and_takes_a_sick_one_back(shipped: Shipped) -> None:
    shipped.build()
    shipped.build("1")
    shipped.compose("--profile", "demo", "up", "-d")
    # Grafana is in no Debian, so it has no stand-in.
    shipped.compose("--profile", "observability", "up", "-d", "prometheus")
    shipped.ready()
    for service in ("serve", "work", "app"):
        inspect = shipped.inspect(service)
        assert inspect["HostConfig"]["ReadonlyRootfs"], service
        assert inspect["Config"]["User"] not in {"", "0", "root"}, service
    assert "docker.sock" not in str(shipped.inspect("serve")["Mounts"])
    assert not shipped.inspect("redis")["HostConfig"]["PortBindings"]

    shipped.build("2")
    shipped.push("succeeded")
    assert shipped.version() == "version 2"

    shipped.build("3", sick="1")
    sick = shipped.push("rolled_back")
    assert "unhealthy" in sick["reason"]
    assert shipped.version() == "version 2"

    def scraped() -> bool:
        targets = shipped.watched("targets").get("activeTargets", ())
        return sorted(one["labels"]["instance"] for one in targets if one["health"] == "up") == [
            "serve:8081",
            "work:8081",
        ]

    wait_for(scraped, "Prometheus reads both halves", timeout=120)
    groups = shipped.watched("rules")["groups"]
    assert {Path(group["file"]).name for group in groups} == {"alerts.yml", "dora.yml"}

    behind = {"LISTENER_ENGINE": "tcp://proxy:2375", "LISTENER_SOCKET": "/dev/null"}
    shipped.compose("--profile", "demo", "--profile", "proxy", "up", "-d", "work", env=behind)
    shipped.compose("--profile", "proxy", "up", "-d", "proxy")
    shipped.ready()
    binds = {mount["Source"] for mount in shipped.inspect("work")["Mounts"]}
    assert str(shipped.engine.socket) not in binds
    shipped.build("4")
    shipped.push("succeeded")
    assert shipped.version() == "version 4"
