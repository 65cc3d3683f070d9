"""What others do to containers, ports, networks and images while a deployment is under way."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from stories import cli, ends, history, interrupt, length

from listener.demo.app import PORT, Behaviour, Release
from listener.demo.engine import LABEL, EngineTrouble
from listener.demo.waiting import wait_for
from listener.demo.world import World


def make_network(world: World, *options: str, name: str = "net") -> str:
    """A network that ends with the world; one that has its addresses now is waited for."""
    name = world.name(name)
    label = f"{LABEL}={world.session}"
    wait_for(
        lambda: world.engine.docker("network", "create", "--label", label, *options, name),
        "its addresses are free",
        timeout=120,
        forgive=(EngineTrouble,),
    )
    return name


def next_one_goes_through(world: World, url: str, version: str) -> None:
    """Nothing of what happened stands in the way of the next release."""
    good = world.push("web", Release(version))
    ends(world, good, "succeeded")
    world.wait_answer(url, version)
    assert world.leftovers("web") == []


# -- somebody re-creates the container ----------------------------------------------------------


@pytest.mark.parametrize("fault", ["before-create", "before-cutover"])
def test_somebody_recreated_the_container_before_the_cut_over_and_theirs_stays(
    world: World, fault: str
) -> None:
    world.begin("web", Release("1"))
    digest = interrupt(world, fault, Release("2"))
    world.engine.docker("rm", "-f", world.name("web"))
    world.push("other", Release("theirs"))
    url = world.run("web", image=world.image("other"))
    theirs = world.container("web")
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert "someone" in deployment["reason"]
    assert (world.container("web")["Id"], world.leftovers("web")) == (theirs["Id"], [])
    world.wait_answer(url, "theirs")


def test_somebody_recreated_the_container_during_the_watch_and_theirs_stays(world: World) -> None:
    world.begin("web", Release("1"))
    digest = interrupt(world, "before-watch", Release("2"))
    world.engine.docker("rm", "-f", world.name("web"))
    world.push("web", Release("3"), tag="own")
    url = world.run("web", tag="own")
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert "someone else put container" in deployment["reason"]
    world.wait_answer(url, "3")
    assert world.leftovers("web") == []


def test_a_stopped_container_that_was_started_meanwhile_goes_on_running(world: World) -> None:
    url = world.begin("web", Release("1"))
    world.engine.docker("stop", world.name("web"))
    digest = interrupt(world, "before-create", Release("2"))
    world.engine.docker("start", world.name("web"))
    started = world.container("web")
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert "someone has started it since" in deployment["reason"]
    assert world.container("web")["State"]["StartedAt"] == started["State"]["StartedAt"]
    world.wait_answer(url, "1")
    assert world.leftovers("web") == []


def test_the_container_was_removed_with_its_volume_and_no_empty_one_is_made(world: World) -> None:
    volume = world.name("data")
    world.engine.docker("volume", "create", "--label", f"{LABEL}={world.session}", volume)
    world.begin("web", Release("1"), options=("-v", f"{volume}:/data"))
    digest = interrupt(world, "before-create", Release("2"))
    world.engine.docker("rm", "-f", world.name("web"))
    world.engine.docker("volume", "rm", volume)
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert f"someone removed {world.name('web')}" in deployment["reason"]
    assert world.engine.docker("volume", "ls", "-q", "--filter", f"name={volume}") == ""
    assert world.name("web") not in world.engine.containers(world.session)


def test_compose_was_just_replacing_the_container_and_is_left_to_it(world: World) -> None:
    # Compose renames the old one, creates its own, removes the old one and starts its own.
    url = world.begin("web", Release("1"))
    before = world.container("web")
    digest = interrupt(world, "before-cutover", Release("2"))
    renamed = f"{before['Id'][:12]}_{world.name('web')}"
    world.engine.docker("rename", world.name("web"), renamed)
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert f"someone else renamed {world.name('web')} to {renamed}" in deployment["reason"]
    assert world.engine.inspect(renamed)["State"]["Running"]
    world.wait_answer(url, "1")
    assert world.leftovers("web") == []
    names = [one["name"] for one in world.listener.api("targets")["targets"]]
    assert renamed not in names


def test_names_that_others_left_do_not_block_the_next_try(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    strays = [f"{name}-old", f"{name}_old", f"{name}-new", f"{name}.new-0123abcd"]
    for stray in strays:
        world.engine.docker("create", "--name", stray, world.image("web"))
    for version, behaviour in (("2", Behaviour.SICK), ("3", Behaviour.GOOD)):
        digest = world.push("web", Release(version, behaviour))
        good = behaviour is Behaviour.GOOD
        ends(world, digest, "succeeded" if good else "rolled_back")
        world.wait_answer(url, version if good else "1")
    assert set(strays) <= world.engine.containers(world.session).keys()


# -- ports and networks -------------------------------------------------------------------------


def test_a_stranger_took_the_port_between_stop_and_start_and_what_is_printed_helps(
    world: World,
) -> None:
    url = world.begin("web", Release("1"))
    name, before = world.name("web"), world.container("web")
    port = before["HostConfig"]["PortBindings"][f"{PORT}/tcp"][0]["HostPort"]
    digest = interrupt(world, "stopping", Release("2"))
    thief = world.name("thief")
    world.engine.docker(
        *("run", "-d", "--name", thief, "-p", f"127.0.0.1:{port}:{PORT}", world.image("web"))
    )
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "rollback_failed")
    assert deployment["reason"].count("port is already allocated") == 2
    start, resume = f"docker start {name}", f"listener resume {name}"
    assert deployment["reason"].endswith(f"what helps: `{start}`, then `{resume}`")
    assert world.listener.target(name)["state"] == "paused"

    world.engine.docker("rm", "-f", thief)
    world.engine.docker(*shlex.split(start)[1:])
    cli(world, 0, *shlex.split(resume)[1:])
    world.wait_answer(url, "1")
    assert world.container("web")["Id"] == before["Id"]
    next_one_goes_through(world, url, "3")


def test_a_network_of_the_container_was_removed_and_it_goes_on_serving(world: World) -> None:
    url = world.begin("web", Release("1"))
    network = make_network(world)
    world.engine.docker("network", "connect", network, world.name("web"))
    before = world.container("web")
    digest = interrupt(world, "before-create", Release("2"))
    world.engine.docker("network", "disconnect", "-f", network, world.name("web"))
    world.engine.docker("network", "rm", network)
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert network in deployment["reason"]
    assert world.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]
    world.wait_answer(url, "1")
    next_one_goes_through(world, url, "3")


def test_the_main_network_was_removed_and_nobody_was_stopped_for_it(world: World) -> None:
    network = make_network(world)
    world.begin("web", Release("1"), options=("--network", network))
    before = world.container("web")
    digest = interrupt(world, "before-create", Release("2"))
    world.engine.docker("network", "disconnect", "-f", network, world.name("web"))
    world.engine.docker("network", "rm", network)
    world.listener.kill(redis=True)
    world.listener.start()
    deployment = ends(world, digest, "failed")
    assert network in deployment["reason"]
    assert world.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert world.leftovers("web") == []


@pytest.mark.parametrize("behaviour", [Behaviour.GOOD, Behaviour.SICK])
def test_two_networks_and_an_address_of_its_own_are_kept(
    world: World, behaviour: Behaviour
) -> None:
    main = make_network(world, "--subnet", "10.213.77.0/24")
    options = ("--network", main, "--ip", "10.213.77.9", "--network-alias", "shop")
    url = world.begin("web", Release("1"), options=options)
    inner = make_network(world, name="inner")
    world.engine.docker("network", "connect", "--alias", "inner", inner, world.name("web"))
    before = addresses(world.container("web"))
    digest = world.push("web", Release("2", behaviour))
    good = behaviour is Behaviour.GOOD
    ends(world, digest, "succeeded" if good else "rolled_back")
    world.wait_answer(url, "2" if good else "1")
    assert addresses(world.container("web")) == before
    assert before[main] == "10.213.77.9"


def addresses(inspect: dict[str, Any]) -> dict[str, str]:
    """The networks and the address that the user chose on each."""
    found = inspect["NetworkSettings"]["Networks"]
    return {name: (one["IPAMConfig"] or {}).get("IPv4Address", "") for name, one in found.items()}


# -- which version comes back -------------------------------------------------------------------


def test_several_bad_images_in_a_row_go_back_to_the_last_good_one(world: World) -> None:
    # Longer than the one that dies is healthy.
    url = world.begin("web", Release("1"), labels={"listener.health.settle": "5s"})
    name = world.name("web")
    first = world.listener.target(name)["digest"]
    # What it wrote outside of every volume is still there: it is the very same container.
    world.engine.docker("exec", name, "sh", "-c", "echo mine > /tmp/written")
    before = world.container("web")
    for version, behaviour in (
        ("2", Behaviour.SICK),
        ("3", Behaviour.EXITS),
        ("4", Behaviour.MISSING),
        ("5", Behaviour.DIES),
    ):
        deployment = ends(world, world.push("web", Release(version, behaviour, 1)), "rolled_back")
        assert deployment["from_digest"] == first
        assert world.container("web")["Id"] == before["Id"]
        assert world.listener.target(name)["digest"] == first
    assert world.engine.docker("exec", name, "cat", "/tmp/written") == "mine"
    good = world.push("web", Release("6"))
    ends(world, good, "succeeded")
    cli(world, 0, "rollback", name, "--wait")
    world.wait_answer(url, "1")
    assert world.listener.target(name)["digest"] == first


def test_every_kept_version_can_be_had_back_by_hand_without_a_registry(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    kept = {"1": world.listener.target(name)["digest"]}
    for version in ("2", "3"):
        kept[version] = world.push("web", Release(version))
        ends(world, kept[version], "succeeded")
    world.registry.stop()
    for version in ("1", "3", "2", "1", "2"):
        cli(world, 0, "rollback", name, "--to", kept[version], "--wait")
        world.wait_answer(url, version)
        assert world.listener.target(name)["digest"] == kept[version]
        tag = world.engine.docker("image", "inspect", "-f", "{{.Id}}", world.image("web"))
        assert tag == world.container("web")["Image"]
    unknown = f"sha256:{'0' * 64}"
    world.registry.start()
    # The registry's word, or that of an engine with the containerd store.
    said = cli(world, 1, "rollback", name, "--to", unknown, "--wait")
    assert "manifest unknown" in said or "not found" in said
    world.wait_answer(url, "2")


def test_the_sick_version_changed_the_data_and_the_old_one_cannot_live_with_it(
    world: World,
) -> None:
    # No rollback undoes a migration: it is not said to have worked, and nothing else is tried.
    probe = '["sh", "-c", "[ ! -e /data/migrated ]"]'
    labels = {"listener.health.exec": probe, "listener.health.timeout": "5s"}
    url = world.begin("web", Release("1", check=None), options=("-v", "/data"), labels=labels)
    name, before = world.name("web"), world.container("web")
    first = world.listener.target(name)["digest"]
    digest = interrupt(world, "before-watch", Release("2", check=None))
    world.engine.docker("exec", name, "sh", "-c", "echo 2 > /data/migrated")
    world.listener.start()
    deployment = ends(world, digest, "rollback_failed")
    assert "exit code 1" in deployment["reason"]
    assert deployment["reason"].endswith(f"then `listener resume {name}`")
    target = world.listener.target(name)
    assert (target["state"], target["digest"]) == ("paused", first)
    # It runs all the same: half a service is more than none.
    assert world.container("web")["Id"] == before["Id"]
    world.wait_answer(url, "1")


# -- what was not well before -------------------------------------------------------------------


def test_a_container_that_was_unhealthy_gets_its_fix(world: World) -> None:
    world.push("web", Release("1", Behaviour.SICK))
    url = world.run("web")
    name = world.name("web")
    wait_for(
        lambda: world.container("web")["State"]["Health"]["Status"] == "unhealthy",
        "version 1 is unhealthy",
    )
    world.listener.start()
    world.wait_late_push("web")

    # A second sick one is no fix: the first runs again, though nobody can say that it is well.
    deployment = ends(world, world.push("web", Release("2", Behaviour.SICK)), "rolled_back")
    back = next(one for one in deployment["steps"] if one["name"] == "revert_watch")
    assert "not known to be healthy" in back["detail"]
    world.wait_answer(url, "1")

    ends(world, world.push("web", Release("3")), "succeeded")
    world.wait_answer(url, "3")
    # It never was a version to go back to.
    assert "no earlier good digest" in cli(world, 1, "rollback", name, "--wait")
    assert history(world, "web")[:2] == ["rolled_back", "succeeded"]


def test_a_container_that_ignores_its_stop_signal_is_replaced_after_its_grace(
    world: World,
) -> None:
    first = Release("1", Behaviour.STUBBORN)
    url = world.begin("web", first, options=("--stop-timeout", "2"))
    deployment = ends(world, world.push("web", Release("2")), "succeeded")
    world.wait_answer(url, "2")
    # The gap begins once the two seconds of grace are over.
    assert deployment["gap_seconds"] <= length(deployment, "cutover") - 1.9
    assert world.container("web")["Config"]["StopTimeout"] == 2
    assert world.leftovers("web") == []
