"""The third story: a build machine in a hurry. The newest push wins, what it overtakes says so."""

from __future__ import annotations

from listener.demo.app import Behaviour, Check, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_ten_pushes_within_a_second_make_one_more_deployment(world: World) -> None:
    url = world.begin("web", Release("1"))

    # A deployment that takes its time runs: version 2 is healthy only after some seconds.
    slow = Release("2", Behaviour.SLOW, seconds=25, check=Check(start_period=60))
    first = world.push("web", slow)
    wait_for(
        lambda: any(one["state"] == "watching" for one in world.listener.deployments()),
        "version 2 is being watched",
    )

    # Meanwhile ten versions are pushed within a second.
    digests = [world.push("web", Release(str(number))) for number in range(3, 13)]
    # A busy machine needs more than a second for them, but all of them came meanwhile.
    running = [one for one in world.listener.deployments() if one["to_digest"] == first]
    assert [one["state"] for one in running] == ["watching"]

    # The running one is finished, then the newest of the ten is deployed and no other.
    assert world.listener.deployment_of(world.name("web"), first)["state"] == "succeeded"
    world.listener.deployment_of(world.name("web"), digests[-1])
    world.wait_answer(url, "12")
    history = [one for one in world.listener.quiet() if one["state"] != "skipped"]
    done = [one["to_digest"] for one in history if one["state"] == "succeeded"]
    assert done == [digests[-1], first]
    others = {one["state"] for one in history if one["state"] != "succeeded"}
    assert others <= {"superseded"}, history
    assert any("superseded" in one["state"] for one in history)
    assert all(one["reason"] for one in history)
