"""The example of the documents, deployed, scaled, broken and taken back on stand-in images."""

from __future__ import annotations

from pathlib import Path

from lab.compose import Project
from listener.demo import http
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import LABEL
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World

EXAMPLE = Path(__file__).parents[2] / "examples" / "node-mongo"
# Machines that run tests are slow.
CHECK = Check(timeout=30)
# What stands in for nginx, Node and MongoDB: each is the lab's app with another command.
STAND_INS = """
services:
  proxy:
    image: {image}
    command:
    - sh
    - -c
    - |
      printf '#!/bin/sh\\nprintf "HTTP/1.0 200 OK\\\\r\\\\n\\\\r\\\\n"\\n' > /www/cgi-bin/notes
      echo 'busybox wget -q -O - http://app:8000/' >> /www/cgi-bin/notes
      echo 'busybox wget -q -O - http://mongo:27017/notes' >> /www/cgi-bin/notes
      busybox chmod 755 /www/cgi-bin/notes
      exec busybox httpd -f -p 80 -h /www
    healthcheck: {{disable: true}}
    labels: {mine}
  app:
    build: !reset null
    labels: {mine}
  mongo:
    image: {image}
    command: [busybox, httpd, -f, -p, "27017", -h, /data/db]
    healthcheck: {{test: [CMD, "true"], interval: 1s, timeout: 30s}}
    labels: {mine}
networks:
  notes: {{labels: {mine}}}
volumes:
  data: {{labels: {mine}}}
"""


class Notes(Project):
    """The example's own file, with other images and the world's marks laid over it."""

    def __init__(self, world: World) -> None:
        self.world, self.name = world, world.session
        self.over = world.directory / "stand-ins.yml"
        mine = f'{{{LABEL}: {world.session}, listener.scope: "{world.session}"}}'
        self.over.write_text(STAND_INS.format(image=world.image("parts"), mine=mine))
        self.port = free_port()

    def service(self, app: str) -> str:
        return app

    def compose(self, *arguments: str) -> str:
        files = ("--file", str(EXAMPLE / "compose.yml"), "--file", str(self.over))
        env = {"APP_IMAGE": self.world.image("app"), "PORT": f"127.0.0.1:{self.port}"}
        command = ("compose", *files, "--project-name", self.name, *arguments)
        return self.world.engine.docker(*command, timeout=180, env=env)

    def answer(self) -> list[str]:
        """What a user gets through the proxy: the app's version and the database's notes."""
        return http.request("GET", f"http://127.0.0.1:{self.port}/cgi-bin/notes").text.split("\n")

    def push(self, release: Release) -> str:
        """Pushes a version of the app."""
        return self.world.push("app", release)


def test_a_node_app_and_its_database_are_deployed_scaled_broken_and_taken_back(
    world: World,
) -> None:
    notes, listener = Notes(world), world.listener
    world.push("parts", Release("parts", check=None))
    notes.push(Release("1", check=CHECK))
    notes.up()
    [mongo] = notes.replicas("mongo")
    world.engine.docker("exec", mongo, "sh", "-c", "echo 'buy milk' > /data/db/notes")
    database = notes.containers()[mongo]
    listener.start()
    wait_for(lambda: notes.answer()[:2] == ["1", "buy milk"], "the first version answers")
    wait_for(
        lambda: (
            [(one["name"], one["health"]) for one in listener.api("targets")["targets"]]
            == [("app", "healthy")]
        ),
        "the app is the only target",
        timeout=60,
    )
    # The registry delivers the push of the first version late; the second comes after it.
    wait_for(
        lambda: any(one["state"] == "skipped" for one in listener.deployments()),
        "the late push of the running version is skipped",
    )
    listener.quiet()

    good = notes.ends(notes.push(Release("2", check=CHECK)), "succeeded")
    assert "start-first" in next(step for step in good["steps"] if step["name"] == "plan")["detail"]
    assert notes.versions("app") == ["2"] * 3
    assert notes.answer()[:2] == ["2", "buy milk"]

    before = notes.containers()
    scaled = notes.up("--scale", "app=4")
    assert scaled.items() >= before.items()
    assert notes.versions("app") == ["2"] * 4

    # Healthy at first, which a swap that stops looking too early takes for good.
    turning = notes.push(Release("3", Behaviour.TURNS, seconds=8, check=CHECK))
    bad = listener.deployment_of("app", turning, timeout=240)
    assert bad["state"] in ("rolled_back", "failed"), bad["reason"]
    assert "queue is full" in bad["reason"]
    assert notes.containers() == scaled
    assert notes.versions("app") == ["2"] * 4
    assert notes.answer()[:2] == ["2", "buy milk"]

    assert notes.up("--scale", "app=4") == scaled
    assert notes.containers()[mongo] == database
    assert world.engine.docker("exec", mongo, "cat", "/data/db/notes") == "buy milk"
