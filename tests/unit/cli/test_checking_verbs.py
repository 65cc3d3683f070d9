"""check, hooks, and how a wrong configuration or usage ends."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from lab.redis_server import RedisServer
from listener.demo.ports import free_port
from listener.demo.registry import Registry
from tests.unit.cli.conftest import Configure, Shell

HOOKS = """
hooks:
  hub: {provider: dockerhub, token: s3cret}
  private: {provider: distribution, token: s3cret}
  packages: {provider: github, hmac_secret: s3cret}
  ci: {provider: generic, token: s3cret}
  open: {provider: generic, unauthenticated: true}
  job: {provider: generic, oidc: {issuer: github, audience: a, claims: {repository: a/b}}}
"""


async def test_a_wrong_file_is_two_and_every_problem_a_line(
    shell: Shell, configure: Configure
) -> None:
    configure("listne: 0.0.0.0:8080\nconcurrency: many\n")
    for verb in ("run", "check", "status", "hooks"):
        end = await shell.run(verb)
        first, second = end.err.splitlines()
        assert end.code == 2
        assert first.startswith("config/listener.yml:1: listne: ")
        assert second.startswith("config/listener.yml:2: concurrency: ")
    missing = await shell.run("check", "--config", "nowhere.yml")
    assert (missing.code, "nowhere.yml" in missing.err) == (2, True)


@pytest.mark.parametrize("arguments", [("statu",), ("deploy",), ("history", "--limit", "0")])
async def test_wrong_usage_is_two(shell: Shell, arguments: tuple[str, ...]) -> None:
    end = await shell.run(*arguments)
    assert (end.code, end.out) == (2, "")


async def test_check_has_a_line_for_everything(
    shell: Shell, configure: Configure, redis_server: RedisServer, registry: Registry
) -> None:
    configure(
        f"redis: {redis_server.url}\nengine: unix:///nowhere/docker.sock\n{HOOKS}"
        f"registries:\n  {registry.host}: {{}}\n  127.0.0.1:{free_port()}: {{}}\n"
        "targets:\n  web: {container: web}\n"
    )
    end = await shell.run("check")
    found = {
        line.split(": ", 1)[0][6:]: (line[:4].strip(), line.split(": ", 1)[1])
        for line in end.out.splitlines()
    }
    assert end.code == 1
    assert end.err == f"listener: 2 of {len(found)} checks are bad\n"
    assert found["configuration"] == ("ok", "config/listener.yml")
    assert found["redis"][0] == "ok"
    assert found["engine"][0] == "bad"
    assert "/nowhere/docker.sock" in found["engine"][1]
    assert found["target web"] == ("warn", "not looked at: the engine does not answer")
    assert found[f"registry {registry.host}"][0] == "ok"
    assert found["hook hub"] == ("ok", "dockerhub, proved by token")
    assert found["hook open"][0] == "warn"
    assert found["hook job"] == ("ok", "generic, proved by identity token")
    assert "s3cret" not in end.out + end.err


async def test_check_warns_of_a_redis_that_forgets(
    shell: Shell, configure: Configure, redis_server: RedisServer
) -> None:
    configure(f"redis: {redis_server.url}\n")
    from listener.store import connect

    store = await connect(redis_server.url)
    await store.call("CONFIG", "SET", "appendonly", "no")
    await store.close()
    end = await shell.run("check", "--json")
    (line,) = [each for each in end.json["checks"] if each["subject"] == "redis"]
    assert line["state"] == "warn"
    assert "append-only" in line["text"]


async def test_check_names_the_embedded_server(shell: Shell, configure: Configure) -> None:
    configure(f"state_dir: {shell.directory}/state\n")
    end = await shell.run("check")
    assert "ok    redis: embedded: " in end.out
    assert f"{shell.directory}/state can be written" in end.out
    assert not (shell.directory / "state").exists()


async def test_hooks_hides_secrets_until_asked(shell: Shell, configure: Configure) -> None:
    configure(HOOKS)
    hidden = await shell.run("hooks", "--base-url", "https://deploy.example.com/")
    assert hidden.code == 0
    assert "s3cret" not in hidden.out
    assert "https://deploy.example.com/hooks/hub/TOKEN" in hidden.out
    shown = await shell.run("hooks", "--show-secrets", "--json")
    told = {each["name"]: each for each in shown.json["hooks"]}
    assert told["hub"]["url"].endswith("/hooks/hub/s3cret")
    assert "config[secret]=s3cret" in told["packages"]["setting"]
    assert "Authorization" not in told["open"]["setting"]


async def test_the_registry_setting_is_yaml_that_ignores_noise(
    shell: Shell, configure: Configure
) -> None:
    configure(HOOKS)
    told = (await shell.run("hooks", "--json")).json["hooks"]
    (setting,) = [each["setting"] for each in told if each["name"] == "private"]
    (endpoint,) = yaml.safe_load(setting.split("\n", 1)[1])["notifications"]["endpoints"]
    assert endpoint["headers"] == {"Authorization": ["Bearer TOKEN"]}
    assert endpoint["url"].endswith("/hooks/private")
    assert endpoint["ignore"] == {
        "mediatypes": ["application/octet-stream"],
        "actions": ["pull"],
    }


def test_a_server_loads_nothing_that_draws() -> None:
    code = "import sys, listener.cli.main, listener.cli.serving; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"
