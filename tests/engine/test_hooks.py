"""What registries send about one push comes to one deployment for each target that follows it."""

from __future__ import annotations

import hashlib
import hmac
import random
from typing import Any

from stories import cli

from listener.demo import http
from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World
from listener.model.reference import parse_reference
from listener.providers import PROVIDERS

TOKEN = "a-token-not-a-secret"
KEY = "demo-key-not-a-secret"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"


def only_hook(world: World, **hook: Any) -> str:
    """Gives the world one hook that its registry does not call, and no other way to hear of a
    push; returns the hook's URL.
    """
    world.listener.settings["hooks"] = {"own": hook}
    world.listener.settings["defaults"]["reconcile"] = "0s"
    world.listener.write()
    return f"{world.listener.public}/hooks/own"


def event(world: World, action: str, number: int, **target: Any) -> dict[str, Any]:
    repository = world.repository("web")
    return {
        "id": f"e{number}",
        "timestamp": "2026-03-01T10:00:00.123456789Z",
        "action": action,
        "target": {"repository": repository, "digest": "sha256:" + f"{number:064x}", **target},
        "request": {"host": world.registry.host, "method": "PUT"},
    }


def test_21_events_of_one_push_make_one_deployment(world: World) -> None:
    hook = only_hook(world, provider="distribution", token=TOKEN)
    world.push("web", Release("1"))
    url = world.run("web")
    world.wait_answer(url, "1")
    world.listener.start()
    world.wait_target("web")
    digest = world.push("web", Release("2"))

    layers = [event(world, "push", n, mediaType="application/octet-stream") for n in range(8)]
    children = [event(world, "push", n, mediaType=MANIFEST) for n in range(8, 11)]
    pulls = [event(world, "pull", n, mediaType=MANIFEST, tag="latest") for n in range(11, 20)]
    tagged = event(world, "push", 20, mediaType=INDEX, tag="latest", digest=digest)
    events = [*layers, *children, *pulls, tagged]
    random.Random(1).shuffle(events)
    codes = [
        http.post_json(hook, {"events": [one]}, {"Authorization": f"Bearer {TOKEN}"}).status
        for one in events
    ]
    assert (len(codes), codes.count(202), codes.count(200)) == (21, 1, 20)

    world.wait_answer(url, "2")
    (deployment,) = world.listener.quiet()
    assert (deployment["state"], deployment["to_digest"]) == ("succeeded", digest)
    assert len(world.listener.pushes()) == 1


def test_two_tags_of_one_digest_deploy_both_though_the_event_names_one(world: World) -> None:
    hook = only_hook(world, provider="github", hmac_secret=KEY, registry=world.registry.host)
    urls = {}
    for app, tag in (("one", "latest"), ("two", "stable")):
        world.push("web", Release("1"), tag=tag)
        urls[app] = world.run(app, image=world.image("web", tag))
        world.wait_answer(urls[app], "1")
    world.listener.start()
    for app in urls:
        world.wait_target(app)

    digests = {world.push("web", Release("2"), tag=tag) for tag in ("latest", "stable")}
    (digest,) = digests
    named = parse_reference(f"{world.image('web', 'stable')}@{digest}")
    request = PROVIDERS["github"].sample(named)
    signature = hmac.new(KEY.encode(), request.body, hashlib.sha256).hexdigest()
    headers = {**request.headers, "X-Hub-Signature-256": f"sha256={signature}"}
    answer = http.request("POST", hook, request.body, headers)
    assert answer.status == 202, answer.text

    for app, url in urls.items():
        world.wait_answer(url, "2")
        deployment = world.listener.deployment_of(world.name(app), digest)
        assert (deployment["state"], deployment["trigger"]) == ("succeeded", "push")
        assert deployment["pushes"] == [answer.json["pushes"][0]["id"]]
    assert len(world.listener.quiet()) == 2


def test_a_hook_is_tried_read_about_and_done_over_from_the_command_line(world: World) -> None:
    world.begin("web")
    name = world.name("web")

    # Tried with the registry's own sample and the hook's own proof; nothing of it is stored.
    pushes = len(world.listener.pushes())
    # What targets there are, the hooks' port learns every two seconds.
    wait_for(
        lambda: world.listener.cli("hooks", "test", HOOK).returncode == 0,
        "the sample hits a target",
    )
    assert name in cli(world, 0, "hooks", "test", HOOK)
    assert len(world.listener.pushes()) == pushes
    assert "Bearer" in cli(world, 0, "hooks")

    # Every request is remembered, those that were refused as well.
    url = f"{world.listener.public}/hooks/{HOOK}"
    assert http.post_json(url, {}, {"Authorization": "Bearer wrong"}).status == 401
    said = cli(world, 0, "pushes", "--all")
    for word in ("tested", "refused", "stored", "401"):
        assert word in said
    assert world.token not in said

    # A push that came once comes once more: the worker looks at it again.
    (first,) = world.listener.pushes()
    assert "p" in cli(world, 0, "replay", first["id"])
    again = wait_for(
        lambda: [one for one in world.listener.pushes() if one["replay_of"] and one["matches"]],
        "the replayed push is matched",
    )
    assert again[0]["replay_of"] == first["id"]
    world.listener.quiet()
    assert "no push" in cli(world, 1, "replay", "p0-00000000")
