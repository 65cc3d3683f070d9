"""What people order by hand, through the real command line, and how it ends."""

from __future__ import annotations

from datetime import timedelta

from stories import cli, history

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import World
from listener.model.base import utc_now
from tests.conftest import MakeWorld

ASKS = {"health": {"settle": "1s"}, "approve": True}


def test_deploying_by_hand(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    first = world.listener.target(name)["digest"]

    # Another tag, then the digest that ran before.
    beta = world.push("web", Release("2"), tag="beta")
    said = cli(world, 0, "deploy", name, "--tag", "beta", "--wait")
    assert "succeeded" in said
    world.wait_answer(url, "2")
    assert world.listener.target(name)["digest"] == beta
    assert world.container("web")["Config"]["Image"] == world.image("web", "beta")
    assert world.listener.deployments(name)[0]["trigger"] == "manual"
    cli(world, 0, "deploy", name, "--digest", first, "--wait")
    world.wait_answer(url, "1")
    assert world.listener.target(name)["digest"] == first

    # What runs already is not deployed again, which is no failure; with --force it is.
    before = world.container("web")["Id"]
    assert "already runs" in cli(world, 0, "deploy", name, "--digest", first, "--wait")
    assert world.container("web")["Id"] == before
    cli(world, 0, "deploy", name, "--digest", first, "--force", "--wait")
    assert world.container("web")["Id"] != before

    # Wrong orders.
    assert "nobody" in cli(world, 1, "deploy", "nobody", "--wait")
    assert "not a digest" in cli(world, 2, "deploy", name, "--digest", "v1")
    cli(world, 2, "deploy")
    assert history(world, "web") == ["succeeded"] * 3
    world.listener.stop()
    assert "cannot reach" in cli(world, 3, "deploy", name)


def test_a_pause_holds_a_push_and_a_cancelled_one_never_comes(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    cli(world, 0, "pause", name, "--reason", "a migration runs")
    world.push("web", Release("2"))

    def waiting() -> dict[str, object]:
        newest = world.listener.deployments(name)[0]
        return dict(newest) if newest["state"] == "waiting" else {}

    held = wait_for(waiting, "the push waits")
    assert "a migration runs" in str(held["reason"])
    assert world.listener.target(name)["state"] == "paused"
    wait_for(
        lambda: world.listener.metric("listener_queue_depth", host=world.session) == 1,
        "the metrics show that one waits",
    )
    cli(world, 0, "cancel", str(held["id"]))
    wait_for(lambda: world.listener.deployments(name)[0]["state"] == "skipped", "it is cancelled")
    assert "cancelled by hand" in world.listener.deployments(name)[0]["reason"]
    assert "has ended already" in cli(world, 1, "cancel", str(held["id"]))

    # Two more pushes: the newest waits, and is done at resume.
    world.push("web", Release("3"))
    wait_for(waiting, "the next push waits")
    digest = world.push("web", Release("4"))
    wait_for(
        lambda: (
            [one["state"] for one in world.listener.deployments(name)][:2]
            == ["waiting", "superseded"]
        ),
        "the newer push takes its place",
    )
    world.wait_answer(url, "1")
    cli(world, 0, "resume", name)
    deployment = world.listener.deployment_of(name, digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "4")
    assert history(world, "web") == ["superseded", "succeeded"]


def test_a_deployment_waits_for_its_approval_and_its_window(make_world: MakeWorld) -> None:
    world = make_world(settings={"defaults": ASKS})
    url = world.begin("web", Release("1"))
    name = world.name("web")

    def waiting_after(earlier: str) -> str:
        newest = world.listener.deployments(name)[0]
        held = newest["state"] == "waiting" and newest["id"] != earlier
        return str(newest["id"]) if held else ""

    world.push("web", Release("2"))
    first = wait_for(lambda: waiting_after(""), "the push waits for approval")
    assert f"`listener approve {first}`" in cli(world, 0, "show", first)
    wait_for(lambda: first in cli(world, 0, "status"), "the status says how to let it begin")

    # The newest wins, and needs an approval of its own; so does what is deployed by hand.
    third = world.push("web", Release("3"))
    second = wait_for(lambda: waiting_after(first), "the newer push waits")
    assert "superseded" in cli(world, 1, "approve", first)

    # Approved outside of the window, and killed: the approval is kept.
    world.listener.stop()
    the_day_after_next = f"{utc_now() + timedelta(days=2):%a}"
    world.listener.settings["defaults"] = {**ASKS, "window": f"{the_day_after_next} 00:00-24:00"}
    world.listener.write()
    world.listener.start()
    cli(world, 0, "approve", second)
    wait_for(
        lambda: "window" in str(world.listener.deployments(name)[0]["reason"]),
        "it waits for the window",
    )
    world.listener.kill()
    world.listener.settings["defaults"] = ASKS
    world.listener.write()
    world.listener.start()
    world.wait_answer(url, "3")
    assert world.listener.deployment_of(name, third)["approved_at"] is not None
    assert "has ended already" in cli(world, 1, "approve", second)

    # A rollback waits for nobody, nor does what is forced.
    cli(world, 0, "rollback", name, "--wait")
    world.wait_answer(url, "1")
    cli(world, 0, "deploy", name, "--force", "--wait")
    world.wait_answer(url, "3")


def test_what_nobody_approves_ends(make_world: MakeWorld) -> None:
    world = make_world(settings={"defaults": {**ASKS, "approve_timeout": "2s"}})
    url = world.begin("web", Release("1"))
    world.push("web", Release("2"))

    def reason() -> str:
        return str(world.listener.deployments(world.name("web"))[0]["reason"])

    wait_for(lambda: "nobody approved it until" in reason(), "it ends without an approval")
    assert world.listener.deployments(world.name("web"))[0]["state"] == "skipped"
    world.wait_answer(url, "1")
