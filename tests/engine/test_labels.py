"""Targets by label and by file, wrong labels, and registries with several names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stories import cli, listen

from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_a_wrong_label_disables_one_target_and_says_so(world: World) -> None:
    for app in ("good", "wrong"):
        world.push(app, Release("1"))
    url = world.run("good")
    world.run("wrong", labels={"listener.health.timeout": "soon"})
    world.run("not-asked", image=world.image("good"), labels={"listener.enable": "false"})
    world.run("elsewhere", image=world.image("good"), labels={"listener.host": "another"})
    listen(world, "good")
    name = world.name("wrong")

    # It is shown with its reason, and takes no orders.
    target = world.listener.target(name)
    assert target["state"] == "invalid"
    assert "listener.health.timeout" in target["reason"]
    assert "'soon' is not a duration" in target["reason"]
    assert "listener.health.timeout" in cli(world, 1, "deploy", name)
    lines = cli(world, 1, "check").splitlines()
    bad = [line for line in lines if line.startswith("bad")]
    assert [name in line and "soon" in line for line in bad] == [True]
    for app in ("not-asked", "elsewhere"):
        assert world.name(app) not in str(world.listener.api("targets"))
    said = [line for line in world.listener.logs().splitlines() if "target left alone" in line]
    assert [(name in line, "soon" in line) for line in said] == [(True, True)]

    # A push for it is not deployed, and says why; the others go on.
    before = world.container("wrong")["Id"]
    world.push("wrong", Release("2"))
    digest = world.push("good", Release("2"))
    assert world.listener.deployment_of(world.name("good"), digest)["state"] == "succeeded"
    world.wait_answer(url, "2")
    assert world.listener.deployments(name) == []
    assert world.container("wrong")["Id"] == before


def test_a_target_in_the_file_wins_over_labels(world: World) -> None:
    # The labels are wrong and would turn rollback off; the file says otherwise.
    world.push("web", Release("1"))
    labels = {"listener.rollback": "false", "listener.keep": "few"}
    url = world.run("web", labels=labels)
    settings = {"shop": {"container": world.name("web"), "health": {"settle": "1s"}}}
    world.listener.settings["targets"] = settings
    world.listener.write()
    world.listener.start()
    wait_for(
        lambda: [one["name"] for one in world.listener.api("targets")["targets"]] == ["shop"],
        "there is one target, under its name in the file",
    )
    wait_for(lambda: world.listener.deployments("shop"), "the late push of version 1")
    world.listener.quiet()
    sick = world.push("web", Release("2", Behaviour.SICK))
    assert world.listener.deployment_of("shop", sick)["state"] == "rolled_back"
    world.wait_answer(url, "1")


def test_without_a_file_there_are_defaults_and_labels(world: World, tmp_path: Path) -> None:
    # Containers without a scope would be targets of every listener of this engine, so here it is
    # only asked what it would do.
    environ = {name: value for name, value in os.environ.items() if name != "LISTENER_CONFIG"}
    done = subprocess.run(
        [sys.executable, "-m", "listener", "check"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**environ, **world.engine.env},
        timeout=60,
        check=False,
    )
    assert "ok    configuration: no file: defaults and labels alone" in done.stdout
    assert "ok    engine: " in done.stdout


def test_a_push_under_another_name_of_the_registry(make_world: Callable[..., World]) -> None:
    world = make_world()
    host, other = world.registry.host, world.registry.host.replace("127.0.0.1", "localhost")
    world.listener.settings["registries"] = {other: {"aliases": [host], "insecure": True}}
    world.listener.write()
    world.push("web", Release("1"))
    url = world.run("web", image=world.image("web").replace(host, other))
    listen(world, "web")
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "2")
    # The container is spelled as its user spelled it.
    assert world.container("web")["Config"]["Image"].startswith(f"{other}/")
    assert world.listener.target(world.name("web"))["image"].startswith(f"{other}/")
