"""Good images are held so that a rollback needs no registry; older ones make room."""

from __future__ import annotations

from stories import cli, listen

from listener.demo.app import Behaviour, Release
from listener.demo.engine import EngineTrouble
from listener.demo.world import World
from listener.drivers.names import hold_name


def test_only_as_many_images_are_held_as_are_to_be_kept(world: World) -> None:
    keep = {"listener.keep": "2"}
    # Two targets run images of one repository, and a third one has its own.
    first = world.push("web", Release("1"))
    world.push("web", Release("2"), tag="stable")
    world.push("other", Release("1"))
    url = world.run("web", labels=keep)
    world.run("stable", image=world.image("web", "stable"))
    world.run("other")
    listen(world, "web", "stable", "other")
    name = world.name("web")
    stable = world.listener.target(world.name("stable"))

    digests = [first]
    for version in ("2", "3", "4", "5"):
        digests.append(world.push("web", Release(version)))
        deployment = world.listener.deployment_of(name, digests[-1])
        assert deployment["state"] == "succeeded", deployment["reason"]
        held = holds(world, name)
        assert len(held) <= 2, held
    world.wait_answer(url, "5")
    assert held == {hold_name(pin(world, name), digest) for digest in digests[-2:]}

    # What this program pulled and keeps no longer is gone; what others use, or pulled, is there.
    repository = world.image("web").rpartition(":")[0]
    # The containerd store has that digest as the image's id, whatever names the image still bears.
    present = [one for one in digests if exists(world, f"{repository}@{one}") or exists(world, one)]
    # (Version 1 was there before; version 2 is what the other target runs.)
    assert present == [digests[0], digests[1], *digests[-2:]]
    assert world.listener.target(world.name("stable"))["digest"] == stable["digest"] == digests[1]
    assert exists(world, world.image("other"))


def test_production_can_go_back_though_staging_of_the_same_repository_keeps_little(
    world: World,
) -> None:
    world.push("web", Release("1"))
    world.push("web", Release("1"), tag="stable")
    staging = world.run("web", labels={"listener.keep": "1"})
    production = world.run("stable", image=world.image("web", "stable"))
    listen(world, "web", "stable")
    # Both have version 2; staging goes on, and lets go of it and of the first one.
    for app, tag in (("web", "latest"), ("stable", "stable")):
        digest = world.push("web", Release("2"), tag=tag)
        done = world.listener.deployment_of(world.name(app), digest)
        assert done["state"] == "succeeded", done["reason"]
    for version in ("3", "4"):
        digest = world.push("web", Release(version))
        assert world.listener.deployment_of(world.name("web"), digest)["state"] == "succeeded"
    name = world.name("web")
    assert holds(world, name) == {hold_name(pin(world, name), digest)}
    world.registry.stop()
    world.engine.prune_images(world.session)
    cli(world, 0, "rollback", world.name("stable"), "--wait")
    world.wait_answer(production, "1")
    world.wait_answer(staging, "4")


def test_versions_with_tags_of_their_own_make_room_too(world: World) -> None:
    labels = {"listener.keep": "1", "listener.tag.glob": "v*"}
    world.push("web", Release("1"), tag="v1")
    url = world.run("web", tag="v1", labels=labels)
    listen(world, "web")
    name = world.name("web")
    for version in ("2", "3"):
        digest = world.push("web", Release(version), tag=f"v{version}")
        assert world.listener.deployment_of(name, digest)["state"] == "succeeded"
    world.wait_answer(url, "3")
    assert exists(world, world.image("web", "v1"))
    assert not exists(world, world.image("web", "v2"))
    assert exists(world, world.image("web", "v3"))

    # What was pulled for nothing goes at once.
    sick = world.push("web", Release("4", Behaviour.SICK), tag="v4")
    assert world.listener.deployment_of(name, sick)["state"] == "rolled_back"
    assert not exists(world, world.image("web", "v4"))
    assert not exists(world, f"{world.image('web').rpartition(':')[0]}@{sick}")
    assert f"{sick[7:19]}" not in world.engine.docker("images", "--format", "{{.Tag}}")
    assert exists(world, world.image("web", "v3"))


def test_images_are_held_again_where_somebody_pruned_the_holds(world: World) -> None:
    world.begin("web", Release("1"))
    name = world.name("web")
    second = world.push("web", Release("2"))
    assert world.listener.deployment_of(name, second)["state"] == "succeeded"
    for hold in holds(world, name):
        world.engine.docker("rm", hold)
    third = world.push("web", Release("3"))
    assert world.listener.deployment_of(name, third)["state"] == "succeeded"
    expected = {hold_name(pin(world, name), digest) for digest in (second, third)}
    assert expected <= holds(world, name)


def test_what_another_listener_holds_for_a_target_of_the_same_name_stays(world: World) -> None:
    world.push("web", Release("1"))
    url = world.run("web", labels={"listener.keep": "1"})
    name = world.name("web")
    # A listener without a scope has a target of this name too, and holds an image for it.
    theirs = "sha256:" + "7" * 64
    kept = hold_name(name, theirs)
    world.engine.docker(
        *("create", "--name", kept, "--label", f"lab.session={world.session}"),
        *("--label", f"listener.pin={name}", "--label", f"listener.pin.digest={theirs}"),
        *(world.image("web"), "pin"),
    )
    listen(world, "web")
    for version in ("2", "3"):
        digest = world.push("web", Release(version))
        assert world.listener.deployment_of(name, digest)["state"] == "succeeded"
    world.wait_answer(url, "3")
    assert holds(world, name) == {hold_name(pin(world, name), digest)}
    assert world.engine.docker("ps", "-aq", "--filter", f"name={kept}")


def pin(world: World, target: str) -> str:
    """Under what the world's listener, which has a scope, holds images for a target."""
    return f"{world.session}/{target}"


def holds(world: World, target: str) -> set[str]:
    """The containers that hold images for a target; none of them ever ran."""
    lines = world.engine.docker(
        *("ps", "-a", "--filter", f"label=listener.pin={pin(world, target)}"),
        *("--format", "{{.Names}} {{.State}}"),
    ).splitlines()
    assert all(line.endswith(" created") for line in lines)
    return {line.split()[0] for line in lines}


def exists(world: World, image: str) -> bool:
    """Whether the engine has an image by this name."""
    try:
        return bool(world.engine.docker("image", "inspect", image))
    except EngineTrouble:
        return False
