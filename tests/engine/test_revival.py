"""Where the container that ran before is gone when it is needed, it is created again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from stories import cli, history

from listener.demo.app import Behaviour, Check, Release
from listener.demo.gate import EngineGate
from listener.demo.waiting import wait_for
from listener.demo.world import World

VOLUME = Release("1", volumes=("/data",))
# Some seconds to close the gate in before the verdict.
LONG = Check(retries=10)


def begin_with_rm(world: World) -> str:
    """Version 1, started with --rm, with data in a volume without a name."""
    options = ("--rm", "-e", "MINE=1", "--memory", "64m")
    url = world.begin("web", VOLUME, restart="no", options=options)
    write(world, "kept")
    return url


def write(world: World, text: str) -> None:
    world.engine.docker("exec", world.name("web"), "sh", "-c", f"echo {text} > /data/file")


def read(world: World) -> str:
    return world.engine.docker("exec", world.name("web"), "cat", "/data/file")


def is_as_before(world: World, before: dict[str, Any]) -> None:
    """Whether the container is the one before in all but its id."""
    now = world.container("web")
    assert now["Image"] == before["Image"]
    assert now["HostConfig"]["AutoRemove"] == before["HostConfig"]["AutoRemove"]
    assert now["HostConfig"]["Memory"] == before["HostConfig"]["Memory"]
    for name in ("Image", "Env", "Labels", "Cmd"):
        assert now["Config"][name] == before["Config"][name], name
    assert now["HostConfig"]["PortBindings"] == before["HostConfig"]["PortBindings"]
    assert volumes(now) == volumes(before)
    tag = world.engine.docker("image", "inspect", "-f", "{{.Id}}", before["Config"]["Image"])
    assert tag == before["Image"]
    assert world.leftovers("web") == []


def volumes(inspect: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((point["Name"], point["Destination"]) for point in inspect["Mounts"])


def step(deployment: dict[str, Any], name: str) -> str:
    return str(next(one["detail"] for one in deployment["steps"] if one["name"] == name))


def test_a_container_with_rm_is_replaced_and_keeps_its_data(world: World) -> None:
    url = begin_with_rm(world)
    before = world.container("web")
    warned = cli(world, 0, "check")
    assert f"warn  target {world.name('web')}: it was started with --rm" in warned
    digest = world.push("web", Release("2", volumes=("/data",)))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert "the way back is to create it again" in step(deployment, "plan")
    world.wait_answer(url, "2")
    after = world.container("web")
    assert after["HostConfig"]["AutoRemove"]
    assert volumes(after) == volumes(before)
    assert read(world) == "kept"
    assert world.leftovers("web") == []


@pytest.mark.parametrize(
    ("sick", "why"),
    [
        (Release("2", Behaviour.SICK), "no connection to the database"),
        # It is seen to run first, and has not been found healthy yet.
        (
            Release("2", Behaviour.DIES, seconds=5, check=Check(interval=60)),
            "removed itself, since it runs with --rm, with code 4",
        ),
        (Release("2", Behaviour.MISSING), "did not start"),
    ],
    ids=["sick", "exits", "missing"],
)
def test_a_container_with_rm_comes_back_though_its_stop_removed_it(
    world: World, sick: Release, why: str
) -> None:
    url = begin_with_rm(world)
    before = world.container("web")
    digest = world.push("web", replace(sick, volumes=("/data",)))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    assert why in deployment["reason"]
    assert "created again as" in step(deployment, "revive")
    world.wait_answer(url, "1")
    is_as_before(world, before)
    assert read(world) == "kept"

    # It is like any other from here on.
    good = world.push("web", Release("3", volumes=("/data",)))
    assert world.listener.deployment_of(world.name("web"), good)["state"] == "succeeded"
    world.wait_answer(url, "3")
    assert read(world) == "kept"
    reasons = "exited" if sick.behaviour is Behaviour.DIES else "unhealthy"
    if sick.behaviour is not Behaviour.MISSING:
        assert world.listener.metric("listener_rollbacks_total", reason=reasons) == 1


def watching(world: World, before: dict[str, Any]) -> None:
    """Waits until the new container runs and is watched."""

    def watched() -> bool:
        now = world.container("web")
        return bool(now["Id"] != before["Id"] and now["State"]["Running"])

    wait_for(watched, "the new one is watched", forgive=(Exception,))


def parked(world: World) -> str:
    """The name of the container that ran before."""
    return next(name for name in world.leftovers("web") if ".old-" in name)


@pytest.mark.parametrize("image", ["kept", "held by nothing"])
def test_the_old_container_was_removed_by_a_prune_and_serves_again(
    gated: tuple[World, EngineGate], image: str
) -> None:
    world, gate = gated
    url = world.begin("web", VOLUME, options=("-e", "MINE=1", "--memory", "64m"))
    name = world.name("web")
    write(world, "kept")
    before = world.container("web")
    sick = world.push("web", Release("2", Behaviour.SICK, check=LONG, volumes=("/data",)))
    watching(world, before)
    # `docker system prune -a` of a timer takes every container that does not run, then the images.
    with gate.closed():
        world.engine.docker("rm", parked(world))
        if image != "kept":
            pin = f"label=listener.pin={world.session}/{name}"
            world.engine.docker("rm", *world.engine.docker("ps", "-aq", "--filter", pin).split())
            world.engine.docker("rmi", "-f", before["Image"])
    deployment = world.listener.deployment_of(name, sick)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    assert "no connection" in deployment["reason"]
    world.wait_answer(url, "1")
    is_as_before(world, before)
    assert read(world) == "kept"
    target = world.listener.target(name)
    assert target["digest"] == deployment["from_digest"]
    assert history(world, "web") == ["rolled_back"]


def lose_the_old_one(world: World, gate: EngineGate, version: str) -> dict[str, Any]:
    """A sick version is watched; what ran before, its image and the registry are gone then."""
    name, before = world.name("web"), world.container("web")
    sick = world.push("web", Release(version, Behaviour.SICK, check=LONG))
    watching(world, before)
    with gate.closed():
        world.engine.docker("rm", parked(world))
        digest = world.listener.deployments(name)[0]["from_digest"]
        pin = f"label=listener.pin.digest={digest}"
        world.engine.docker("rm", *world.engine.docker("ps", "-aq", "--filter", pin).split())
        world.engine.docker("rmi", "-f", before["Image"])
        world.registry.stop()
    return world.listener.deployment_of(name, sick)


def test_with_the_old_one_and_its_image_gone_it_goes_to_the_last_good_that_is_held(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    url = world.begin("web", Release("1"))
    name = world.name("web")
    first = world.listener.target(name)["digest"]
    second = world.push("web", Release("2"))
    assert world.listener.deployment_of(name, second)["state"] == "succeeded"
    deployment = lose_the_old_one(world, gate, "3")
    assert deployment["state"] == "rolled_back", deployment["reason"]
    assert f"back to {first}, since {second} is nowhere" in deployment["reason"]
    world.wait_answer(url, "1")
    assert world.listener.target(name)["digest"] == first
    assert world.leftovers("web") == []


def test_a_rollback_that_fails_says_what_helps_and_that_helps(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    url = world.begin("web", Release("1"))
    name = world.name("web")
    first = world.listener.target(name)["digest"]
    deployment = lose_the_old_one(world, gate, "2")
    assert deployment["state"] == "rollback_failed"
    back, resume = f"listener rollback {name} --to {first}", f"listener resume {name}"
    assert deployment["reason"].endswith(f"what helps: `{back}`, then `{resume}`")
    target = world.listener.target(name)
    assert target["state"] == "paused"
    assert target["reason"].endswith(f"`{resume}`")

    world.registry.start()
    cli(world, 0, *back.split()[1:])
    cli(world, 0, *resume.split()[1:])
    world.wait_answer(url, "1")
    world.listener.quiet()
    assert history(world, "web") == ["rollback_failed", "succeeded"]
    assert world.leftovers("web") == []
