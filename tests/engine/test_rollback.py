"""Going back: by itself and by hand, without a registry, and only where somebody wants it."""

from __future__ import annotations

import pytest
from stories import cli, history

from listener.demo.app import Behaviour, Check, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_it_goes_back_without_a_registry_and_after_every_prune(world: World) -> None:
    # Three good versions; after each deployment somebody prunes all images that nothing uses.
    url = world.begin("web", Release("1"))
    name = world.name("web")
    good = [world.listener.target(name)["digest"]]
    for version in ("2", "3"):
        good.append(world.push("web", Release(version)))
        assert world.listener.deployment_of(name, good[-1])["state"] == "succeeded"
        world.engine.prune_images(world.session)
    before = world.container("web")

    # The registry goes away while the fourth, which is sick, is being watched.
    sick = world.push("web", Release("4", Behaviour.SICK, check=Check(retries=10)))
    wait_for(
        lambda: (
            world.listener.target(name)["state"] == "deploying"
            and world.container("web")["Id"] != before["Id"]
        ),
        "version 4 is being watched",
        forgive=(Exception,),
    )
    world.registry.stop()
    world.engine.prune_images(world.session)
    deployment = world.listener.deployment_of(name, sick)
    assert deployment["state"] == "rolled_back", deployment["reason"]
    world.wait_answer(url, "3")
    assert world.container("web")["Id"] == before["Id"]

    # By hand it goes further back, one good version at a time.
    for version, digest in (("2", good[1]), ("1", good[0])):
        world.engine.prune_images(world.session)
        cli(world, 0, "rollback", name, "--wait")
        world.wait_answer(url, version)
        newest = world.listener.deployments(name)[0]
        assert (newest["state"], newest["trigger"]) == ("succeeded", "rollback")
        assert newest["to_digest"] == digest
        target = world.listener.target(name)
        assert (target["digest"], target["last_good_digest"]) == (digest, digest)
    assert world.leftovers("web") == []

    # Before the first there is nothing.
    said = cli(world, 1, "rollback", name, "--wait")
    assert "no earlier good digest" in said
    world.wait_answer(url, "1")
    assert world.listener.metric("listener_rollbacks_total", target=name, reason="manual") == 2
    assert world.listener.metric("listener_rollbacks_total", target=name, reason="unhealthy") == 1


def test_what_was_taken_back_by_hand_does_not_come_back_by_itself(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    first = world.listener.target(name)["digest"]
    world.push("watched", Release("1"))
    watched = world.run("watched")
    for version in ("2", "3"):
        bad = world.push("web", Release(version))
        assert world.listener.deployment_of(name, bad)["state"] == "succeeded"

    # Somebody takes it back, to the first one of all.
    cli(world, 0, "rollback", name, "--to", first, "--wait")
    world.wait_answer(url, "1")

    # The tag at the registry still means version 3: neither another push of it, nor a restart
    # that looks for missed pushes brings it back.
    world.push("web", Release("3"))

    def newest() -> dict[str, object]:
        world.listener.quiet()
        return world.listener.deployments(name)[0]

    wait_for(lambda: newest()["state"] == "skipped", "the push is skipped")
    assert newest()["to_digest"] == bad
    assert "known to be bad" in str(newest()["reason"])
    assert "by hand" in str(newest()["reason"])
    known = history(world, "web")
    world.listener.stop()
    world.push("watched", Release("2"))
    world.listener.start()
    # Targets are looked at by name: when this one was found, the other had been passed over.
    world.wait_answer(watched, "2")
    world.listener.quiet()
    assert history(world, "web") == known
    world.wait_answer(url, "1")

    # By hand it is deployed again, and then it is good again.
    cli(world, 0, "deploy", name, "--digest", bad, "--wait")
    world.wait_answer(url, "3")
    assert world.listener.target(name)["last_good_digest"] == bad


def test_a_bad_digest_is_tried_again_when_somebody_says_so(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    sick = world.push("web", Release("2", Behaviour.SICK))
    assert world.listener.deployment_of(name, sick)["state"] == "rolled_back"
    said = cli(world, 1, "deploy", name, "--digest", sick, "--force", "--wait")
    assert "rolled_back" in said
    assert "no connection to the database" in said
    assert history(world, "web") == ["rolled_back", "rolled_back"]
    world.wait_answer(url, "1")


def test_where_rollback_is_off_the_sick_version_stays(world: World) -> None:
    url = world.begin("web", Release("1"), labels={"listener.rollback": "false"})
    name = world.name("web")
    first = world.listener.target(name)["digest"]
    sick = world.push("web", Release("2", Behaviour.SICK))
    deployment = world.listener.deployment_of(name, sick)
    assert deployment["state"] == "failed"
    assert "no connection to the database" in deployment["reason"]
    assert "rollback is off" in deployment["reason"]
    world.wait_answer(url, "2")
    target = world.listener.target(name)
    assert (target["digest"], target["last_good_digest"]) == (sick, first)
    assert world.leftovers("web") == []

    # Somebody can still take it back by hand.
    cli(world, 0, "rollback", name, "--wait")
    world.wait_answer(url, "1")


@pytest.mark.parametrize("restart", ["no", "unless-stopped"])
def test_a_stopped_container_is_replaced_and_stays_stopped(world: World, restart: str) -> None:
    url = world.begin("web", Release("1"), restart=restart)
    world.engine.docker("stop", world.name("web"))
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert "stays stopped" in deployment["reason"]
    assert not world.container("web")["State"]["Running"]
    assert world.leftovers("web") == []
    world.engine.docker("start", world.name("web"))
    world.wait_answer(url, "2")
