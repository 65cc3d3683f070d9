"""Which tags a target follows, and that a push reaches only those that follow it."""

from __future__ import annotations

from stories import cli, history, listen

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_policies_take_what_fits_and_leave_the_rest(world: World) -> None:
    policies = {
        "semver": ("1.4.0", {"listener.tag.semver": "^1.4"}),
        "glob": ("main-1", {"listener.tag.glob": "main-*"}),
        "regex": ("r1", {"listener.tag.regex": "r[0-9]+"}),
        "exact": ("latest", {"listener.tag": "stable"}),
    }
    urls = {}
    for app, (tag, labels) in policies.items():
        world.push(app, Release("1"), tag=tag)
        urls[app] = world.run(app, tag=tag, labels=labels)
    world.listener.start()
    for app in policies:
        world.wait_target(app)
    wait_for(lambda: len(world.listener.pushes()) == len(policies), "the late pushes came")
    world.listener.quiet()

    # A push that does not fit is known, and nothing else.
    for app, tag in (("semver", "2.0.0"), ("glob", "dev-2"), ("regex", "r2-rc"), ("exact", "r1")):
        digest = world.push(app, Release(f"no-{app}"), tag=tag)
        push = wait_for(lambda digest=digest: seen(world, digest), f"the push of {tag} is seen")
        assert push["matches"][0]["deployment"] is None
        assert tag in push["matches"][0]["reason"]

    # One that fits is deployed, and the container then names the new tag.
    for app, tag in (("semver", "1.5.0"), ("glob", "main-2"), ("regex", "r2"), ("exact", "stable")):
        digest = world.push(app, Release("2"), tag=tag)
        deployment = world.listener.deployment_of(world.name(app), digest)
        assert deployment["state"] == "succeeded", deployment["reason"]
        assert deployment["tag"] == tag
        assert world.container(app)["Config"]["Image"] == world.image(app, tag)
        world.wait_answer(urls[app], "2")

    # An older version is pushed late: it fits, and is not what runs best.
    world.push("semver", Release("old"), tag="1.4.1")
    wait_for(
        lambda: (
            "1.4.1 is older than 1.5.0, which runs"
            in str(world.listener.deployments(world.name("semver"))[0])
        ),
        "the older version is skipped",
    )
    assert history(world, "semver") == ["succeeded"]
    world.wait_answer(urls["semver"], "2")

    said = cli(world, 0, "targets")
    for word in ("semver ^1.4", "glob main-*", "regex r[0-9]+", "stable"):
        assert word in said


def test_two_targets_of_one_repository_follow_their_own_tags(world: World) -> None:
    world.push("blue", Release("1"), tag="blue")
    world.push("blue", Release("1"), tag="green")
    blue = world.run("blue", tag="blue")
    green = world.run("green", image=world.image("blue", "green"))
    listen(world, "blue", "green")
    before = world.container("blue")["Id"]
    digest = world.push("blue", Release("2"), tag="green")
    deployment = world.listener.deployment_of(world.name("green"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(green, "2")
    assert history(world, "blue") == []
    assert world.container("blue")["Id"] == before
    world.wait_answer(blue, "1")
    matches = {match["target"]: match for match in seen(world, digest)["matches"]}
    assert matches[world.name("green")]["deployment"] == deployment["id"]
    assert matches[world.name("blue")]["deployment"] is None


def seen(world: World, digest: str) -> dict[str, object]:
    """A push once the worker has looked at it."""
    for push in world.listener.pushes():
        if push["digest"] == digest and push["matches"]:
            return dict(push)
    return {}
