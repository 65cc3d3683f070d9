"""What is refused at the start, in sentences, before anything was touched."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from stories import cli

from lab.redis_server import RedisServer
from listener.demo import http
from listener.demo.app import Release
from listener.demo.listener import Listener
from listener.demo.waiting import wait_for
from listener.demo.world import World

SIX_MISTAKES = """\
listen: 8080
state_dir: {state}
hooks:
  hub: {{provider: dockerhubb, token: t}}
  open: {{provider: generic}}
targets:
  web:
    container: web
    keep: 0
    health: {{timeout: 5}}
    strategie: recreate
"""


def test_six_mistakes_are_six_lines_and_nothing_is_started(tmp_path: Path) -> None:
    file = tmp_path / "listener.yml"
    file.write_text(SIX_MISTAKES.format(state=tmp_path / "state"))
    done = subprocess.run(
        [sys.executable, "-m", "listener", "run", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).splitlines()
    found = [re.match(rf"{re.escape(str(file))}:(\d+): (\S+): \S.*", line) for line in lines]
    assert all(found), lines
    assert [match[2] for match in found if match] == [
        "listen",
        "hooks.hub.provider",
        "hooks.open",
        "targets.web.keep",
        "targets.web.health.timeout",
        "targets.web.strategie",
    ]
    assert [int(match[1]) for match in found if match] == [1, 4, 5, 9, 10, 11]
    assert not (tmp_path / "state").exists()


def test_a_second_one_in_the_same_state_directory_is_refused(world: World) -> None:
    world.listener.start()
    second = Listener(world.directory / "second", {"state_dir": str(world.listener.state)})
    second.start(ready=False)
    assert second.wait() == 1
    assert second.logs().startswith("listener: ")
    assert str(world.listener.state) in second.logs()
    assert "Traceback" not in second.logs()
    assert world.listener.api("hosts")["hosts"][0]["name"] == world.session


@pytest.mark.parametrize("taken", ["listen", "admin.listen"])
def test_a_port_that_is_taken_is_named(world: World, taken: str) -> None:
    other = Listener(world.directory / "other", {})
    address = other.settings["listen"] if taken == "listen" else other.settings["admin"]["listen"]
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        other.start(ready=False)
        assert other.wait() == 1
    assert (
        f"listener: cannot listen on {address}: Address already in use; "
        "end what uses that port, or choose another one\n"
    ) in other.logs()
    assert "unexpected" not in other.logs()
    assert "worker begins" not in other.logs()


def test_check_warns_of_a_redis_that_forgets(tmp_path: Path) -> None:
    with RedisServer(tmp_path, durable=False) as forgetful:
        listener = Listener(tmp_path / "one", {"redis": forgetful.url})
        said = listener.cli("check").stdout
        (line,) = (line for line in said.splitlines() if " redis: " in line)
        assert line.startswith("warn")
        assert "appendonly" in line.lower()


def test_check_is_content_with_a_world_that_is_well(world: World) -> None:
    world.begin("web")
    said = cli(world, 0, "check")
    assert f"target {world.name('web')}" in said
    assert not [line for line in said.splitlines() if line.startswith("bad")]


def test_serve_and_work_of_one_machine_share_a_file(world: World) -> None:
    """One of them has the admin port; the other takes it over when that one ends."""
    world.push("web", Release("1"))
    url = world.run("web")
    with RedisServer(world.directory) as redis:
        serve = world.listener
        serve.settings["redis"] = redis.url
        serve.write()
        serve.verb = "serve"
        serve.start()
        ports = (serve.public_port, serve.admin_port)
        work = Listener(world.directory / "work", serve.settings, verb="work", ports=ports)
        try:
            work.start(ready=False)
            world.wait_late_push("web")
            digest = world.push("web", Release("2"))
            assert serve.deployment_of(world.name("web"), digest)["state"] == "succeeded"
            world.wait_answer(url, "2")
            assert "no admin port for now" in work.logs()
            assert serve.stop() == 0
            work.wait_ready()
            assert work.deployments()[0]["to_digest"] == digest
        finally:
            assert work.stop() == 0


def test_a_reload_takes_the_token_and_names_what_waits_for_a_start(world: World) -> None:
    world.listener.settings["admin"]["token"] = "first"
    world.listener.write()
    world.listener.start(ready=False)
    targets = f"{world.listener.admin}/api/v1/targets"

    def status(token: str) -> int:
        return http.request("GET", targets, headers={"Authorization": f"Bearer {token}"}).status

    wait_for(lambda: status("first") == 200, "it is up")
    world.listener.settings["admin"]["token"] = "second"
    world.listener.settings["host"] = "another-name"
    world.listener.write()
    wait_for(lambda: status("second") == 200, "the new token is taken")
    assert status("first") == 401
    waits = 'keys take effect at the next start only"'
    wait_for(lambda: waits in world.listener.logs(), "what was not taken is named")
    assert '"keys":["host"]' in world.listener.logs()
