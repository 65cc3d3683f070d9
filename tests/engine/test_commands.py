"""What people order by hand, through the real command line, and how it ends."""

from __future__ import annotations

from stories import cli, history

from lab.app import Release
from lab.waiting import wait_for
from lab.world import World


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
