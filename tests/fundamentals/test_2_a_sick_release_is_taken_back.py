"""The second story: the new version is sick, so users get back the container that they had."""

from __future__ import annotations

from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_the_very_container_that_ran_before_answers_again(world: World) -> None:
    url = world.begin("web", Release("1"))
    good = world.push("web", Release("2"))
    world.wait_answer(url, "2")
    world.listener.deployment_of(world.name("web"), good)
    before = world.container("web")

    # Version 3 starts and serves, but its HEALTHCHECK fails.
    sick = world.push("web", Release("3", Behaviour.SICK))
    deployment = world.listener.deployment_of(world.name("web"), sick)

    # It is taken back, and the reason carries the evidence: what the check last said.
    assert deployment["state"] == "rolled_back"
    assert "no connection to the database" in deployment["reason"]
    world.wait_answer(url, "2")

    # Not a copy of the old container: the same one, as it was before.
    after = world.container("web")
    assert after["Id"] == before["Id"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert world.leftovers("web") == []
    target = world.listener.target(world.name("web"))
    assert (target["digest"], target["last_good_digest"]) == (good, good)
    assert world.listener.metric("listener_rollbacks_total", reason="unhealthy") == 1


def test_a_known_bad_digest_is_not_tried_again(world: World) -> None:
    url = world.begin("web", Release("1"))
    sick = world.push("web", Release("2", Behaviour.SICK))
    assert world.listener.deployment_of(world.name("web"), sick)["state"] == "rolled_back"

    # A version that is well comes and goes; then the sick one is pushed once more.
    good = world.push("web", Release("3"))
    assert world.listener.deployment_of(world.name("web"), good)["state"] == "succeeded"
    world.push("web", Release("2", Behaviour.SICK))
    world.listener.quiet()

    def newest() -> dict[str, object]:
        return world.listener.deployments(world.name("web"))[0]

    wait_for(lambda: newest()["state"] == "skipped", "the bad digest is skipped")
    assert newest()["to_digest"] == sick
    world.wait_answer(url, "3")


def test_a_release_that_ends_at_once_says_its_exit_code(world: World) -> None:
    url = world.begin("web", Release("1"), restart="no")
    broken = world.push("web", Release("2", Behaviour.EXITS))
    deployment = world.listener.deployment_of(world.name("web"), broken)
    assert deployment["state"] == "rolled_back"
    assert "3" in deployment["reason"]
    world.wait_answer(url, "1")
