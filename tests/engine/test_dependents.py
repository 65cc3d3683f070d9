"""Containers that live off a target's survive its swap, and its way back."""

from __future__ import annotations

from typing import Any

import pytest
from stories import ends, interrupt, listen

from listener.demo.app import PORT, Behaviour, Release
from listener.demo.world import World


def live_off(
    world: World,
    name: str,
    *options: str,
    runs: str = "sleep 3600",
    restart: str = "unless-stopped",
    image: str | None = None,
) -> str:
    """A container that runs a shell and nothing else; returns its name."""
    full = world.name(name)
    world.engine.docker(
        *("run", "-d", "--name", full, "--restart", restart, "--stop-timeout", "1", *options),
        *("--entrypoint", "/bin/busybox", image or world.image("web"), "sh", "-c", runs),
    )
    return full


def asks_itself(world: World, name: str) -> str:
    """What a container gets at its own loopback: in the target's network, the target's answer."""
    said = world.engine.docker("exec", name, "/bin/busybox", "wget", "-q", "-O", "-", _LOOPBACK)
    return said.strip()


_LOOPBACK = f"http://127.0.0.1:{PORT}/"


def mode(container: dict[str, Any]) -> str:
    return str(container["HostConfig"]["NetworkMode"])


def test_a_sidecar_in_the_target_s_network_is_created_again(world: World) -> None:
    url = world.begin("web")
    sidecar = live_off(world, "vpn", "--network", f"container:{world.name('web')}", "-e", "KEY=1")
    before = world.engine.inspect(sidecar)
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert "adopt" in [step["name"] for step in deployment["steps"]]
    world.wait_answer(url, "2")
    after = world.engine.inspect(sidecar)
    assert after["State"]["Running"]
    assert after["Image"] == before["Image"], "it keeps its own image"
    assert "KEY=1" in after["Config"]["Env"]
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert mode(after) == f"container:{world.container('web')['Id']}"
    assert asks_itself(world, sidecar) == "2"
    # A restart of the sidecar finds its network: that is what fails for what is left behind.
    world.engine.docker("restart", "-t", "1", sidecar)
    assert asks_itself(world, sidecar) == "2"
    assert [name for name in world.engine.containers(world.session) if ".old-" in name] == []


def test_a_sick_release_gives_the_sidecar_its_network_back(world: World) -> None:
    url = world.begin("web")
    sidecar = live_off(world, "vpn", "--network", f"container:{world.name('web')}")
    before = world.engine.inspect(sidecar)
    digest = world.push("web", Release("2", Behaviour.SICK))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    world.wait_answer(url, "1")
    after = world.engine.inspect(sidecar)
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert asks_itself(world, sidecar) == "1"
    assert world.leftovers("web") == []
    assert world.leftovers("vpn") == []


_ONLY_FOR_1 = (
    f"until a=$(/bin/busybox wget -q -O - {_LOOPBACK}); do sleep 0.1; done; "
    '[ "$a" = 1 ] && sleep 3600; '
    "echo this is no version 1; exit 7"
)


@pytest.mark.parametrize("restart", ["no", "on-failure"])
def test_a_release_that_its_sidecar_does_not_survive_is_taken_back(
    world: World, restart: str
) -> None:
    url = world.begin("web")
    network = ("--network", f"container:{world.name('web')}")
    sidecar = live_off(world, "vpn", *network, runs=_ONLY_FOR_1, restart=restart)
    before = world.engine.inspect(sidecar)
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    ends = {"no": "exited with code 7", "on-failure": "restarts over and over"}[restart]
    assert f"{sidecar}, which lives off it, {ends}" in deployment["reason"]
    whole = world.listener.api(f"deployments/{deployment['id']}")
    assert "this is no version 1" in whole["logs"]
    world.wait_answer(url, "1")
    after = world.engine.inspect(sidecar)
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)


def test_a_sidecar_that_comes_up_at_its_second_start_is_well(world: World) -> None:
    url = world.begin("web")
    impatient = "[ -e /tried ] && exec /bin/busybox sleep 3600; echo > /tried; exit 3"
    sidecar = live_off(world, "vpn", "--network", f"container:{world.name('web')}", runs=impatient)
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "2")
    after = world.engine.inspect(sidecar)
    assert (after["RestartCount"], after["State"]["Running"]) == (1, True)


def test_a_sidecar_that_was_parked_and_pruned_is_made_again_on_the_way_back(world: World) -> None:
    url = world.begin("web")
    sidecar = live_off(world, "vpn", "--network", f"container:{world.name('web')}")
    digest = interrupt(world, "before-revert", Release("2", Behaviour.SICK))
    (parked,) = world.leftovers("vpn")
    world.engine.docker("rm", "-f", parked)
    world.listener.kill(redis=True)
    world.listener.start()
    ends(world, digest, "rolled_back")
    world.wait_answer(url, "1")
    after = world.engine.inspect(sidecar)
    assert after["State"]["Running"]
    assert mode(after) == f"container:{world.container('web')['Id']}"
    assert asks_itself(world, sidecar) == "1"
    assert world.leftovers("web") == world.leftovers("vpn") == []


@pytest.mark.parametrize("fault", ["adopted", "before-watch"])
def test_a_sidecar_that_is_a_target_too_is_no_wreck_to_mend_after_a_kill(
    world: World, fault: str
) -> None:
    url = world.begin("web")
    marks = ("--label", "listener.enable=true", "--label", f"listener.scope={world.session}")
    network = ("--no-healthcheck", "--network", f"container:{world.name('web')}")
    world.push("vpn", Release("1"))
    sidecar = live_off(world, "vpn", *marks, *network, image=world.image("vpn"))
    digest = interrupt(world, fault, Release("2"))
    world.listener.kill()
    world.listener.start()
    ends(world, digest, "succeeded")
    world.listener.quiet()
    world.wait_answer(url, "2")
    assert asks_itself(world, sidecar) == "2"
    assert world.leftovers("web") == world.leftovers("vpn") == []
    assert {one["state"] for one in world.listener.deployments(sidecar)} <= {"skipped"}


@pytest.mark.parametrize("way", ["volumes", "link", "pid"])
def test_what_shares_volumes_links_or_processes_is_created_again(world: World, way: str) -> None:
    data = f"{world.session}-data"
    world.engine.docker("volume", "create", "--label", f"lab.session={world.session}", data)
    url = world.begin("web", options=("-v", f"{data}:/data"))
    name = world.name("web")
    options = {
        "volumes": ("--volumes-from", name),
        "link": ("--link", f"{name}:shop"),
        "pid": ("--pid", f"container:{name}"),
    }[way]
    other = live_off(world, "other", *options)
    before = world.engine.inspect(other)
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(name, digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "2")
    after = world.engine.inspect(other)
    assert after["Id"] != before["Id"]
    assert after["State"]["Running"]
    if way == "link":
        assert after["HostConfig"]["Links"] == before["HostConfig"]["Links"]
        hosts = world.engine.docker("exec", other, "/bin/busybox", "cat", "/etc/hosts")
        address = world.container("web")["NetworkSettings"]["IPAddress"]
        assert any(line.startswith(address) and "shop" in line for line in hosts.splitlines())
    elif way == "volumes":
        assert [mount["Name"] for mount in after["Mounts"]] == [data]
    else:
        assert after["HostConfig"]["PidMode"] == f"container:{world.container('web')['Id']}"
    assert world.leftovers("other") == []


def test_what_lives_off_a_target_and_would_be_lost_is_told_before_anything_changes(
    world: World,
) -> None:
    url = world.begin("web")
    sidecar = world.name("vpn")
    world.engine.docker(
        *("run", "-d", "--rm", "--name", sidecar, "--network", f"container:{world.name('web')}"),
        *("--entrypoint", "/bin/busybox", world.image("web"), "sleep", "3600"),
    )
    before = world.container("web")
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "failed"
    assert (
        f"container {sidecar} lives off this one and was started with --rm"
        in (deployment["reason"])
    )
    assert world.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert world.answer(url) == "1"
    assert world.engine.inspect(sidecar)["State"]["Running"]


def test_a_target_and_the_sidecar_in_its_network_are_pushed_at_once(world: World) -> None:
    # Each swap would stop what the other one has just planned with.
    world.push("web", Release("1"))
    world.push("vpn", Release("1"))
    url = world.run("web")
    marks = ("--label", "listener.enable=true", "--label", f"listener.scope={world.session}")
    world.engine.docker(
        *("run", "-d", "--name", world.name("vpn"), *marks, "--init", "--no-healthcheck"),
        *("--network", f"container:{world.name('web')}", "--entrypoint", "/bin/busybox"),
        *(world.image("vpn"), "sleep", "3600"),
    )
    listen(world, "web", "vpn")
    for first, second, version in (("web", "vpn", "2"), ("vpn", "web", "3")):
        pushed = {app: world.push(app, Release(version)) for app in (first, second)}
        for app, digest in pushed.items():
            deployment = world.listener.deployment_of(world.name(app), digest)
            assert deployment["state"] == "succeeded", deployment["reason"]
            assert world.listener.target(world.name(app))["digest"] == digest
        world.wait_answer(url, version)
        sidecar = world.container("vpn")
        assert sidecar["State"]["Running"]
        assert mode(sidecar) == f"container:{world.container('web')['Id']}"
        assert asks_itself(world, world.name("vpn")) == version
        assert world.leftovers("web") == world.leftovers("vpn") == []
