"""Both at once: the new container proves itself beside the old one before it takes over."""

from __future__ import annotations

from typing import Any

import pytest
from stories import history

from lab.events import Events
from lab.neighbour import Neighbour
from listener.demo import http
from listener.demo.app import Behaviour, Check, Release
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World


@pytest.fixture
def network(world: World) -> str:
    """A network of the world's own, as Compose makes one for each project."""
    name = f"{world.session}-net"
    world.engine.docker("network", "create", "--label", f"lab.session={world.session}", name)
    return name


@pytest.fixture
def neighbour(world: World, network: str) -> Neighbour:
    """A client on that network."""
    return Neighbour(world.engine, network, world.session)


def begin(world: World, network: str, strategy: str, *options: str, **labels: str) -> None:
    """Version 1 on a network, found by its name and by the alias ``shop``."""
    world.push("web", Release("1"))
    given = {"listener.strategy": strategy, **labels}
    world.engine.docker(
        *("run", "-d", "--name", world.name("web"), "--restart", "unless-stopped"),
        *("--network", network, "--network-alias", "shop"),
        *("--label", "listener.enable=true", "--label", f"listener.scope={world.session}"),
        *(part for key, value in given.items() for part in ("--label", f"{key}={value}")),
        *options,
        world.image("web"),
    )
    wait_for(
        lambda: world.container("web")["State"]["Health"]["Status"] == "healthy", "it is healthy"
    )
    world.listener.start()
    world.wait_late_push("web")


def steps(deployment: dict[str, Any]) -> dict[str, str | None]:
    return {step["name"]: step["detail"] for step in deployment["steps"]}


def test_start_first_serves_all_the_time_and_keeps_names(
    world: World, network: str, neighbour: Neighbour
) -> None:
    begin(world, network, "start-first")
    before = world.container("web")
    world.push("control", Release("untouched"))
    world.engine.docker(
        *("run", "-d", "--name", world.name("control"), "--network", network),
        world.image("control"),
    )
    wait_for(lambda: neighbour.asks(world.name("control")), "the one that nobody touches answers")
    watching, control = (
        neighbour.begins(world.name(app), seconds=600, rate=50) for app in ("web", "control")
    )
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert deployment["gap_seconds"] == 0
    assert steps(deployment)["plan"] == "start-first: as configured"
    after = world.container("web")
    assert after["Id"] != before["Id"]
    wait_for(lambda: neighbour.asks(world.name("web")) == "2", "the new one is found")
    seen, untouched = watching.stops(), control.stops()
    assert set(seen.answers) == {"1", "2"}
    # Bench measures it; a busy machine delays all that is asked.
    assert seen.gap < 2 + untouched.gap, (seen, untouched)
    assert neighbour.asks("shop") == "2"
    endpoint = after["NetworkSettings"]["Networks"][network]
    assert "shop" in endpoint["Aliases"]
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert world.leftovers("web") == []


def test_a_sick_release_beside_the_old_one_is_never_found(world: World, network: str) -> None:
    begin(world, network, "start-first")
    before = world.container("web")
    with stops(world) as told:
        digest = world.push("web", Release("2", Behaviour.SICK))
        deployment = world.listener.deployment_of(world.name("web"), digest)
        wait_for(lambda: any("destroy" in line for line in beside(world, told)), "it is gone")
    assert deployment["state"] == "failed"
    assert "no connection to the database" in deployment["reason"]
    after = world.container("web")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert "begins" in "".join(world.listener.api(f"deployments/{deployment['id']}")["logs"])
    assert world.leftovers("web") == []
    # It was told to end, and given the time for it: it may share a volume with the old one.
    assert beside(world, told) == ["kill 15", "destroy"]
    # It is known to be bad: a repeated push of it is nothing to do.
    again = world.push("web", Release("2", Behaviour.SICK))
    assert again == digest
    wait_for(
        lambda: "known to be bad" in str(world.listener.deployments(world.name("web"))[0]),
        "the sick digest is skipped",
    )


def stops(world: World) -> Events:
    """What is told of signals to containers and of their removal."""
    shape = "{{.Actor.Attributes.name}} {{.Action}} {{.Actor.Attributes.signal}}"
    file = world.directory / "events"
    return Events(world.engine, file, shape, "event=kill", "event=destroy")


def beside(world: World, told: Events) -> list[str]:
    """That part of it which is about containers that stood beside the target."""
    mine = f"{world.name('web')}.new-"
    lines = [line.replace("<no value>", "").split() for line in told.lines()]
    return [" ".join(line[1:]) for line in lines if line[0].startswith(mine)]


def test_warm_moves_a_published_port_and_leaves_a_faithful_container(
    world: World, network: str
) -> None:
    port = http_port(world, network, "warm")
    before = world.container("web")
    slow = Release("2", Behaviour.SLOW, seconds=20, check=Check(start_period=60))
    digest = world.push("web", slow)
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    # It takes twenty seconds to boot, and nobody waits for it.
    assert 0 < deployment["gap_seconds"] < 15
    assert world.answer(f"http://127.0.0.1:{port}/") == "2"
    after = world.container("web")
    for part in ("PortBindings", "NetworkMode", "RestartPolicy"):
        assert after["HostConfig"][part] == before["HostConfig"][part]
    assert list(after["NetworkSettings"]["Networks"]) == [network]
    assert "shop" in after["NetworkSettings"]["Networks"][network]["Aliases"]
    networks = world.engine.docker("network", "ls", "--format", "{{.Name}}").split()
    mine = f"-{world.name('web')}"
    assert [name for name in networks if name.startswith("listener-warm-") and mine in name] == []
    # A restart keeps it so.
    world.engine.docker("restart", "-t", "1", world.name("web"))
    wait_for(lambda: http.what_answers(f"http://127.0.0.1:{port}/") == "2", "it is back")


def test_warm_takes_the_networks_back_from_what_turns_sick(
    world: World, network: str, neighbour: Neighbour
) -> None:
    port = http_port(world, network, "warm", "listener.health.settle=20s")
    before = world.container("web")
    digest = world.push("web", Release("2", Behaviour.TURNS, seconds=3600))
    wait_for(lambda: last_step(world) == "watch", "it has taken over and is watched")
    world.engine.docker("exec", world.name("web"), "sh", "-c", ": > /tmp/turned")
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    assert "queue is full" in deployment["reason"]
    assert world.answer(f"http://127.0.0.1:{port}/") == "1"
    assert world.container("web")["Id"] == before["Id"]
    assert neighbour.asks("shop") == "1"
    assert world.leftovers("web") == []


def last_step(world: World) -> str:
    """The step that the newest deployment is at."""
    newest = world.listener.deployments(world.name("web"))[0]
    return str(newest["steps"][-1]["name"]) if newest["steps"] else ""


def http_port(world: World, network: str, strategy: str, *labels: str) -> int:
    """Begins with a published port; returns it."""
    port = free_port()
    begin(
        *(world, network, strategy, "-p", f"127.0.0.1:{port}:8000"),
        **dict(label.split("=", 1) for label in labels),
    )
    wait_for(lambda: http.what_answers(f"http://127.0.0.1:{port}/") == "1", "version 1 answers")
    return port


def test_auto_says_why_it_does_not_run_two_at_once(world: World) -> None:
    world.begin("web")
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert steps(deployment)["plan"] == (
        "recreate: it is on the default network, where nobody finds it by name"
    )


def test_auto_runs_two_at_once_behind_a_proxy(world: World, network: str) -> None:
    begin(world, network, "auto", **{"traefik.enable": "true"})
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert steps(deployment)["plan"].startswith("start-first: it has a health check and a proxy")


def test_a_strategy_that_cannot_be_is_refused_before_anything_changes(world: World) -> None:
    world.begin("web", labels={"listener.strategy": "start-first"})
    before = world.container("web")
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "failed"
    assert "strategy start-first is not possible: it publishes port" in deployment["reason"]
    assert world.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert history(world, "web") == ["failed"]
