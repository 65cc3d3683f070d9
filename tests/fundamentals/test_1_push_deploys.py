"""The first story: somebody pushes an image, and a few seconds later users see the new version.

Everything here is real: an engine, a registry with its notifications, a container that serves a
page, and the listener as its users start it. A `world` is all of these together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pytest

from listener.demo.app import Release
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World


@pytest.mark.parametrize("way", ["docker", "skopeo"])
def test_a_push_replaces_the_running_container(
    world: World, way: Literal["docker", "skopeo"]
) -> None:
    # Version 1 runs in a container that bears one label: listener.enable=true. Nothing else
    # tells the listener about it; its configuration file names only the hook and the registry.
    url = world.begin("web", Release("1"))
    before = world.container("web")

    # Version 2 is pushed to the same tag. The registry notifies the listener by itself.
    digest = world.push("web", Release("2"), way=way)

    # Users see it.
    world.wait_answer(url, "2")

    # The history says what was done, and why.
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert deployment["trigger"] == "push"
    assert deployment["reason"], "every end has its reason"
    assert deployment["tag"] == "latest"
    assert deployment["from_digest"] != digest
    assert deployment["queued_at"] <= deployment["started_at"] <= deployment["finished_at"]
    # Nobody served while the one was stopped and the other started, and at no other time.
    (cutover,) = (step for step in deployment["steps"] if step["name"] == "cutover")
    began, ended = (datetime.fromisoformat(cutover[end]) for end in ("started_at", "finished_at"))
    assert 0 < deployment["gap_seconds"] <= (ended - began).total_seconds()
    assert deployment["steps"], "the timeline has steps"
    assert all(step["finished_at"] for step in deployment["steps"])

    # It is another container under the same name, set up as the first one was.
    after = world.container("web")
    assert after["Id"] != before["Id"]
    assert after["HostConfig"]["PortBindings"] == before["HostConfig"]["PortBindings"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert world.leftovers("web") == []

    # The target shows what runs.
    name = world.name("web")
    wait_for(lambda: world.listener.target(name)["state"] == "idle", "nothing is under way")
    target = world.listener.target(name)
    assert target["digest"] == digest
    assert target["last_good_digest"] == digest
    assert target["last_deployment"]["id"] == deployment["id"]


def test_the_pull_that_follows_is_answered_and_ignored(world: World) -> None:
    # The listener's own pull makes the registry send more events, as do the layers of a push.
    # They are understood, answered with 200 (or the registry would repeat them) and that is all.
    world.begin("web", Release("1"))
    digest = world.push("web", Release("2"))
    deployment = world.listener.deployment_of(world.name("web"), digest)

    wait_for(
        lambda: world.listener.metric("listener_hook_requests_total", hook=HOOK, code="200"),
        "an event without anything to do is answered 200",
    )
    assert world.listener.metric("listener_hook_requests_total", hook=HOOK, code="202") == 2
    refused = [
        code
        for code in ("400", "401", "403", "503")
        if world.listener.metric("listener_hook_requests_total", hook=HOOK, code=code)
    ]
    assert refused == []

    # One push came in beside that of version 1, and it matched one target.
    push, _first = world.listener.pushes()
    assert push["digest"] == digest
    assert world.name("web") in str(push)
    newest, first = world.listener.quiet()
    assert newest["id"] == deployment["id"]
    assert first["state"] == "skipped"


def test_metrics_tell_the_same_story(world: World) -> None:
    world.begin("web", Release("1"))
    digest = world.push("web", Release("2"))
    world.listener.deployment_of(world.name("web"), digest)
    target = {"target": world.name("web"), "host": world.session}
    metric = world.listener.metric

    wait_for(
        lambda: metric("listener_target_info", digest=digest, **target), "the new digest is shown"
    )
    assert metric("listener_pushes_total", hook=HOOK, outcome="stored") == 2
    assert metric("listener_deployments_total", state="succeeded", trigger="push", **target) == 1
    assert metric("listener_gap_seconds_count", **target) == 1
    assert metric("listener_lead_time_seconds_count", **target) == 1
    assert metric("listener_target_healthy", **target) == 1
    assert metric("listener_worker_up", host=world.session) == 1
    assert metric("listener_redis_up") == 1
