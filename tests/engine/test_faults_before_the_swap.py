"""What fails before the swap leaves the live container untouched: it was not even restarted."""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable
from typing import Any

from stories import cli, listen

from listener.demo import http
from listener.demo.app import Image, Release
from listener.demo.ship import Api
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World


def changed(image: Image, **facts: Any) -> Image:
    """An image whose configuration says something else; None removes a key of its ``config``."""
    content = json.loads(image.config)
    for key in [key for key, value in facts.items() if value is None]:
        del content["config"][key], facts[key]
    return dataclasses.replace(image, config=json.dumps(content | facts).encode())


def life(world: World, app: str) -> tuple[str, str]:
    """Which container it is, and since when it runs."""
    inspect = world.container(app)
    return inspect["Id"], inspect["State"]["StartedAt"]


def test_a_container_of_an_emulated_platform_stays_on_it(world: World) -> None:
    # Both images hold this machine's own program: what their configuration says is what counts.
    api, repository = Api(world.registry), world.repository("web")
    own = str(json.loads(world.build(Release("1")).config)["architecture"])
    other = "arm64" if own == "amd64" else "amd64"

    def push(version: str) -> str:
        emulated = changed(world.build(Release(f"{version}-emulated")), architecture=other)
        both = [(own, world.build(Release(version))), (other, emulated)]
        return api.push_index(repository, "latest", both)

    push("1")
    url = world.run("web", "--platform", f"linux/{other}")
    world.wait_answer(url, "1-emulated")
    world.listener.start()
    world.wait_late_push("web")
    digest = push("2")
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "2-emulated")

    # What is on the engine by now under that name is one for the platform that is emulated.
    lone = changed(world.build(Release("3-emulated")), architecture=other)
    deployment = world.listener.deployment_of(
        world.name("web"), api.push(repository, "latest", lone)
    )
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "3-emulated")


def test_what_cannot_be_created_pulled_or_replaced_ends_as_failed(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    before = life(world, "web")
    api, repository = Api(world.registry), world.repository("web")

    # An image without a command: the engine refuses to create a container of it.
    empty = api.push(repository, "latest", changed(world.build(Release("2")), Cmd=None))
    deployment = world.listener.deployment_of(name, empty)
    assert deployment["state"] == "failed"
    assert "could not be created" in deployment["reason"]
    assert "no command specified" in deployment["reason"].lower()

    # Images for another platform: an index without ours, and a lone manifest that says so.
    foreign = changed(world.build(Release("3")), architecture="s390x")
    index = api.push_index(repository, "latest", [("s390x", foreign)])
    deployment = world.listener.deployment_of(name, index)
    assert deployment["state"] == "failed"
    assert "not made for the engine's platform" in deployment["reason"]
    lone = api.push(repository, "latest", foreign)
    deployment = world.listener.deployment_of(name, lone)
    assert deployment["state"] == "failed"
    assert "is made for linux/s390x, the engine runs" in deployment["reason"]
    # By then the engine has it, which makes it no better.
    assert "is made for linux/s390x" in cli(world, 1, "deploy", name, "--digest", lone, "--wait")

    # A tag and a digest that the registry does not have: final at once when asked for by hand.
    assert "nope" in cli(world, 1, "deploy", name, "--tag", "nope", "--wait")
    absent = f"sha256:{'0' * 64}"
    assert "does not have the image" in cli(world, 1, "deploy", name, "--digest", absent, "--wait")
    by_digest, by_tag = world.listener.deployments(name)[:2]
    assert (by_digest["state"], by_tag["state"]) == ("failed", "failed")
    assert world.registry.host in by_tag["reason"]

    assert life(world, "web") == before
    world.wait_answer(url, "1")
    assert world.leftovers("web") == []
    tag = world.engine.docker("image", "inspect", "-f", "{{.Id}}", world.image("web"))
    assert tag == world.container("web")["Image"]
    assert world.listener.metric("listener_deployments_total", target=name, state="failed") >= 6
    assert world.listener.metric("listener_rollbacks_total", target=name) == 0

    # Nothing of it stands in the way of the next one.
    good = world.push("web", Release("4"))
    assert world.listener.deployment_of(name, good)["state"] == "succeeded"
    world.wait_answer(url, "4")


def test_access_denied_names_the_registry_and_ends_when_a_password_is_given(
    make_world: Callable[..., World],
) -> None:
    world = make_world(login=True)
    name, host = world.name("web"), world.registry.host
    accounts = world.listener.settings["registries"]
    world.listener.settings["registries"] = {host: {"insecure": True}}
    world.listener.write()
    world.push("web", Release("1"))
    # Whoever runs version 1 has it from elsewhere.
    image = world.build(Release("1"))
    world.engine.docker("load", feed=image.archive(world.image("web")))
    url = world.run("web")
    world.wait_answer(url, "1")
    world.listener.start()
    world.push("web", Release("2"))
    wait_for(
        lambda: any(one["state"] == "failed" for one in world.listener.deployments(name)),
        "the deployment fails",
    )
    failed = [one for one in world.listener.quiet() if one["state"] == "failed"]
    assert all(f"{host} wants a login and none is known" in one["reason"] for one in failed)
    world.wait_answer(url, "1")
    said = cli(world, 1, "check")
    assert f"bad   registry {host}" in said

    # With a password in the file, which is read again at SIGHUP, it works.
    world.listener.settings["registries"] = accounts
    world.listener.write()
    world.listener.signal(signal.SIGHUP)
    wait_for(lambda: "ok" in cli_line(world, f"registry {host}"), "check takes the password")
    cli(world, 0, "deploy", name, "--wait")
    world.wait_answer(url, "2")
    assert "lab-password" not in world.listener.logs()


def cli_line(world: World, subject: str) -> str:
    """The line of `listener check` on one subject."""
    lines = world.listener.cli("check").stdout.splitlines()
    return next(line for line in lines if f" {subject}:" in line)


def test_a_push_waits_for_its_registry(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    before = life(world, "web")
    cli(world, 0, "pause", name)
    digest = world.push("web", Release("2"))
    wait_for(
        lambda: world.listener.deployments(name)[0]["state"] == "waiting",
        "the push waits for the end of the pause",
    )
    assert "paused" in world.listener.deployments(name)[0]["reason"]
    world.registry.stop()
    cli(world, 0, "resume", name)
    wait_for(
        lambda: world.listener.deployments(name)[0]["state"] == "pulling",
        "the deployment asks the registry",
    )
    assert life(world, "web") == before
    world.registry.start()
    deployment = world.listener.deployment_of(name, digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    world.wait_answer(url, "2")


def test_a_push_of_a_tag_that_is_not_there_touches_nothing(world: World) -> None:
    # Somebody who knows the hook's token tells of a push that never was.
    url = world.begin("web", Release("1"))
    name = world.name("web")
    before = life(world, "web")
    world.registry.forget(world.repository("web"))
    event = {
        "id": "never-was",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": f"sha256:{'1' * 64}",
            "repository": world.repository("web"),
            "tag": "latest",
        },
        "request": {"host": world.registry.host},
    }
    answer = http.post_json(
        f"{world.listener.public}/hooks/{HOOK}/{world.token}", {"events": [event]}
    )
    assert answer.status == 202, answer.text
    wait_for(
        lambda: world.listener.deployments(name)[0]["state"] == "pulling",
        "the registry is asked",
    )
    # For a minute the registry may be late; somebody does not want to wait so long.
    newest = world.listener.deployments(name)[0]["id"]
    cli(world, 0, "cancel", newest)
    cancelled = world.listener.quiet()[0]
    assert cancelled["state"] == "skipped"
    assert "cancelled by hand" in cancelled["reason"]
    assert life(world, "web") == before
    world.wait_answer(url, "1")


def test_what_the_container_depends_on_was_removed_and_it_goes_on_running(world: World) -> None:
    other = world.name("other")
    ways = {
        "linked": ("--link", f"{other}:db"),
        "lent": ("--volumes-from", other),
        "inside": ("--network", f"container:{other}"),
    }
    world.push("other", Release("1", check=None))
    marks = ("--label", "listener.enable=true", "--label", f"listener.scope={world.session}")
    sleeps = ("sleep", "3600")
    run = ("run", "-d", "--init", "--entrypoint", "/bin/busybox", "--name")
    world.engine.docker(*run, other, world.image("other"), *sleeps)
    for app, options in ways.items():
        world.push(app, Release("1", check=None))
        world.engine.docker(*run, world.name(app), *marks, *options, world.image(app), *sleeps)
    listen(world, *ways)
    world.engine.docker("rm", "-f", other)
    for app in ways:
        before = life(world, app)
        digest = world.push(app, Release("2", check=None))
        deployment = world.listener.deployment_of(world.name(app), digest)
        assert deployment["state"] == "failed", app
        gone = f"No such container: {other}" if app == "lent" else "which is gone"
        assert gone in deployment["reason"]
        assert (life(world, app), world.leftovers(app)) == (before, [])
        assert world.container(app)["State"]["Running"]
