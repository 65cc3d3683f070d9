"""What the stories share: a start with several apps, and the words of a command line."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import Any

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def listen(world: World, *apps: str) -> None:
    """Starts the listener and returns once it is at rest: it has seen the apps, which run, and
    has found of each that the late push of its first version is nothing to do."""
    world.listener.start()
    for app in apps:
        world.wait_target(app)

    def rests() -> bool:
        ended = {one["target"] for one in world.listener.deployments() if one["state"] == "skipped"}
        return ended >= {world.name(app) for app in apps}

    wait_for(rests, "the late pushes of the first versions are skipped")
    world.listener.quiet()


def interrupt(world: World, fault: str, release: Release) -> str:
    """Pushes a release to a listener that is killed at this point; the digest."""
    world.listener.stop()
    world.listener.start(fault=fault)
    world.wait_target("web")
    digest = world.push("web", release)
    wait_for(lambda: not world.listener.alive, f"the listener is killed at {fault}")
    assert world.listener.wait() == -signal.SIGKILL
    return digest


def ends(world: World, digest: str, state: str) -> dict[str, Any]:
    """How the deployment of a digest ended."""
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == state, deployment["reason"]
    return deployment


def length(deployment: dict[str, Any], name: str) -> float:
    """How many seconds a step took, by the listener's own clock."""
    (step,) = (one for one in deployment["steps"] if one["name"] == name)
    began, ended = (datetime.fromisoformat(step[end]) for end in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def history(world: World, app: str) -> list[str]:
    """The states of an app's deployments, oldest first, without what was nothing to do."""
    found = world.listener.deployments(world.name(app))
    return [one["state"] for one in reversed(found) if one["state"] != "skipped"]


def cli(world: World, code: int, *arguments: str) -> str:
    """Runs `listener ARGUMENTS`, which ends with this exit code; returns all that it said."""
    done = world.listener.cli(*arguments)
    said = done.stdout + done.stderr
    assert done.returncode == code, f"listener {' '.join(arguments)}: {done.returncode}: {said}"
    return said
