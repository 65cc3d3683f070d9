"""What people do around a target while its deployment is under way neither harms nor is harmed."""

from __future__ import annotations

import shlex

from stories import ends, interrupt
from test_dependents import asks_itself, live_off

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_a_sidecar_that_is_made_anew_meanwhile_ends_the_deployment_in_time(world: World) -> None:
    place = world.directory / "release"
    place.mkdir()
    release = shlex.join(["sh", "-c", "until test -e /release/go; do busybox sleep 0.1; done"])
    options = ("-v", f"{place}:/release", "--label", f"listener.release={release}")
    url = world.begin("web", options=options)
    web = world.name("web")
    sidecar = live_off(world, "vpn", "--network", f"container:{web}")
    digest = world.push("web", Release("2"))
    wait_for(
        lambda: any(one["state"] == "checking" for one in world.listener.deployments()),
        "its release command runs",
        timeout=60,
    )
    world.engine.docker("rm", "-f", sidecar)
    live_off(world, "vpn", "--network", f"container:{web}")
    (place / "go").touch()
    failed = world.listener.deployment_of(web, digest)
    assert failed["state"] == "failed"
    assert f"container {sidecar}, which lives off {web}, was made while" in failed["reason"]
    world.wait_answer(url, "1")
    assert asks_itself(world, sidecar) == "1"

    # Now that it is known, it is taken along.
    assert world.listener.cli("deploy", web, "--wait").returncode == 0
    world.wait_answer(url, "2")
    assert asks_itself(world, sidecar) == "2"


def test_a_new_container_that_was_pruned_before_the_swap_is_tried_again(world: World) -> None:
    url = world.begin("web", Release("1"))
    digest = interrupt(world, "before-cutover", Release("2"))
    [made] = world.leftovers("web")
    world.engine.docker("rm", made)
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert "the new container was removed by someone else" in deployment["reason"]
    world.wait_answer(url, "1")
    # It says nothing of the image: the next push of it is deployed.
    assert world.push("web", Release("2")) == digest
    world.wait_answer(url, "2")
