"""The commands of README and docs, typed as they stand there: every block ```sh of them.

What no test can run, since it needs a cloud or a long time, or is run in another way by another
test, stands in a block ```bash.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.conftest import MakeWorld

ROOT = Path(__file__).parents[2]
RUN_HERE = {ROOT / "README.md", ROOT / "docs/approvals.md", ROOT / "docs/notifications.md"}


def blocks(page: Path, language: str = "sh") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


class Shell:
    """A terminal with `listener` in it; `means` replaces what stands for a user's own."""

    def __init__(self, world: World, means: Mapping[str, str] | None = None) -> None:
        self._world = world
        self._means = means or {}
        places = world.directory / "bin"
        places.mkdir()
        program = places / "listener"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m listener "$@"\n')
        program.chmod(0o755)
        self._env = {
            **os.environ,
            **world.listener.env,
            "DOCKER_HOST": world.engine.url,
            "LISTENER_CONFIG": str(world.listener.file),
            "PATH": f"{places}:{os.environ['PATH']}",
        }

    def type(self, text: str) -> str:
        """Runs a block, each of whose commands must succeed; returns what it printed."""
        for word, meaning in self._means.items():
            text = text.replace(word, meaning)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._env,
            cwd=self._world.directory,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout


def test_every_block_that_can_be_run_is_run_here() -> None:
    pages = {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")}
    assert {page for page in pages if blocks(page)} == RUN_HERE
    assert not [page for page in pages if blocks(page, "shell") or blocks(page, "console")]


def test_the_first_ten_minutes_of_the_readme(make_world: MakeWorld) -> None:
    page = ROOT / "README.md"
    configure, start, try_hook, look, labelled, ask = blocks(page)
    world = make_world()
    etc = world.directory / "etc"
    world.push("web", Release("1"))
    url = world.run("web", labels={"listener.enable": "false"})
    shell = Shell(
        world,
        {
            "/etc/listener": str(etc),
            "http://127.0.0.1:8081": world.listener.admin,
            "--name web": f"--name {world.name('labelled')} --label listener.scope={world.session}",
            "registry.example.com/team/web:latest": world.image("web"),
        },
    )

    shell.type(configure)
    secret = etc / "hook"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text().strip()) >= 32
    world.listener.settings |= written(page, world, etc)
    world.listener.write()
    (etc / "listener.yml").symlink_to(world.listener.file)

    # All but the last line, which would not come back: it is started in its own way.
    check, run = start.strip().rsplit("\n", 1)
    assert run == "listener run"
    assert "web" in shell.type(check)
    world.listener.start()
    # The half that answers hooks looks at the targets every other second.
    wait_for(lambda: "web" in shell.type(try_hook), "it is a target", forgive=(AssertionError,))

    digest = world.push("web", Release("2"))
    ended = world.listener.deployment_of("web", digest)
    assert ended["state"] == "succeeded", ended["reason"]
    world.wait_answer(url, "2")
    assert "succeeded" in shell.type(look)

    shell.type(labelled)
    name = world.name("labelled")
    wait_for(
        lambda: world.listener.target(name),
        "the labelled container is a target",
        timeout=90,
        forgive=(AssertionError,),
    )
    said = shell.type(ask)
    assert '"error"' not in said
    world.wait_answer(url, "1")


def written(page: Path, world: World, etc: Path) -> dict[str, Any]:
    """The configuration that a page shows, with this world's image, container and registry."""
    shown: dict[str, Any] = yaml.safe_load(blocks(page, "yaml")[0])
    web = shown["targets"]["web"]
    assert web == {"image": "registry.example.com/team/web", "container": "web"}
    web |= {"image": world.image("web").removesuffix(":latest"), "container": world.name("web")}
    (etc / "world").write_text(world.token)
    # The world's registry has a token of its own.
    private = shown["hooks"]["private"]
    private["token_file"] = [str(etc / Path(private["token_file"]).name), str(etc / "world")]
    return shown


def test_what_waits_is_looked_at_approved_and_cancelled_as_told(make_world: MakeWorld) -> None:
    [text] = blocks(ROOT / "docs/approvals.md")
    *look, approve, cancel = text.splitlines(keepends=True)
    [shown] = set(re.findall(r"\d{8}-\d{6}-\d{3}-[0-9a-f]{8}", text))
    world = make_world(settings={"defaults": {"approve": True, "health": {"settle": "1s"}}})
    world.begin("web", Release("1"))
    shell = Shell(world)
    for command, state in ((approve, "succeeded"), (cancel, "skipped")):
        world.push("web", Release(command.split()[1]))
        waiting = wait_for(lambda: waits(world), "it waits", timeout=90)
        assert waiting["id"] in shell.type("".join(look))
        shell.type(command.replace(shown, waiting["id"]))
        wait_for(
            lambda id_=waiting["id"], wanted=state: state_of(world, id_) == wanted,
            f"it ends as {state}",
            timeout=120,
        )


def state_of(world: World, deployment: str) -> str:
    return str(world.listener.api(f"deployments/{deployment}")["state"])


def waits(world: World) -> dict[str, Any] | None:
    """The deployment that waits, if one does."""
    return next((one for one in world.listener.deployments() if one["state"] == "waiting"), None)


def test_a_secret_for_webhooks_is_made_as_told() -> None:
    [text] = blocks(ROOT / "docs/notifications.md")
    made = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", made)
