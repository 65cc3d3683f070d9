"""What the engine refuses beside a deployment, or breaks by itself, costs that one thing alone."""

from __future__ import annotations

import re

from stories import cli, history

from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import LABEL, EngineTrouble
from listener.demo.gate import EngineGate
from listener.demo.waiting import wait_for
from listener.demo.world import World


def refuse(method: str, container: str) -> re.Pattern[bytes]:
    return re.compile(rf"{method} \S+/containers/{container}[ ?/]".encode())


def test_an_old_container_that_cannot_be_removed_makes_no_failure(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    url = world.begin("web", Release("1"))
    name = world.name("web")
    gate.refused = refuse("DELETE", world.container("web")["Id"])
    done = world.listener.deployment_of(name, world.push("web", Release("2")))
    assert done["state"] == "succeeded", done
    world.wait_answer(url, "2")
    assert "device or resource busy" in str([step["detail"] for step in done["steps"]])
    assert len(world.leftovers("web")) == 1

    # The next success tidies up.
    gate.refused = None
    world.listener.deployment_of(name, world.push("web", Release("3")))
    world.wait_answer(url, "3")
    assert world.leftovers("web") == []
    assert history(world, "web")[:2] == ["succeeded", "succeeded"]


def test_a_sick_container_that_cannot_be_removed_makes_no_failed_rollback(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    url = world.begin("web", Release("1"))
    name, first = world.name("web"), world.container("web")["Id"]
    sick = world.push("web", Release("2", Behaviour.SICK, check=Check(retries=10)))

    def swapped() -> str:
        found = world.engine.inspect(name)["Id"]
        return found if found != first else ""

    # Between two names of a swap nobody has it.
    not_yet = (OSError, EngineTrouble)
    new = wait_for(swapped, "the sick one has the name", forgive=not_yet)
    gate.refused = refuse("DELETE", new)
    done = world.listener.deployment_of(name, sick)
    assert done["state"] == "rolled_back", done
    world.wait_answer(url, "1")
    assert world.container("web")["Id"] == first
    assert world.listener.target(name)["state"] == "idle"


def test_a_container_that_cannot_be_inspected_stops_no_other(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    world.push("wreck", Release("1"))
    world.run_more("wreck", 1, start=False)
    wreck = world.engine.inspect(world.name("wreck-1"))["Id"]
    gate.refused = refuse("GET", wreck)
    url = world.begin("web", Release("1"))
    done = world.listener.deployment_of(world.name("web"), world.push("web", Release("2")))
    assert done["state"] == "succeeded", done
    world.wait_answer(url, "2")
    shown = world.listener.target(world.name("wreck-1"))
    assert shown["state"] == "invalid"
    assert "device or resource busy" in str(shown["reason"])


def test_what_is_ordered_while_the_engine_is_away_is_done_when_it_is_back(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    url = world.begin("web", Release("1"))
    name, first = world.name("web"), world.listener.target(world.name("web"))["digest"]
    world.listener.deployment_of(name, world.push("web", Release("2")))
    gate.down()
    cli(world, 0, "rollback", name)
    # The worker has read it at once, and found no engine to look at.
    wait_for(lambda: "waiting" in world.listener.logs(), "it waits for the engine")
    gate.up()
    world.wait_answer(url, "1")
    newest = world.listener.quiet()[0]
    assert (newest["state"], newest["to_digest"]) == ("succeeded", first)


def test_a_network_of_the_same_name_makes_nobody_live_off_it(world: World) -> None:
    world.push("app", Release("1"))
    name = world.name("web")
    world.engine.docker("network", "create", "--label", f"{LABEL}={world.session}", name)
    app = world.run("app", "--network", name)
    url = world.begin("web", Release("1"), options=("--network", name))
    before = world.container("app")
    world.listener.deployment_of(name, world.push("web", Release("2")))
    world.wait_answer(url, "2")
    world.wait_answer(app, "1")
    after = world.container("app")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
