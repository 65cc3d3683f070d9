"""A dry run tells what a deployment would do, and changes nothing at all."""

from __future__ import annotations

import json
from typing import Any

from stories import cli

from listener.demo.app import Release
from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World


def test_a_dry_run_tells_the_plan_and_changes_nothing(world: World) -> None:
    first = Release("1", env=("COLOUR=red", "OLD_ONLY=1"), volumes=("/data",))
    options = ("-e", "PASSWORD=hunter2", "--memory", "64m", "-v", "/tmp:/conf:ro")
    url = world.begin("web", first, options=options)
    name, network = world.name("web"), world.name("net")
    world.engine.docker("network", "create", "--label", f"{LABEL}={world.session}", network)
    world.engine.docker("network", "connect", "--alias", "api", network, name)
    cli(world, 0, "pause", name, "--reason", "the release is on Monday")
    world.engine.docker(
        "exec", name, "sh", "-c", "echo 1 | busybox tee /data.db /tmp/passing /data/kept"
    )
    before = world.container("web")
    running = world.listener.target(name)["digest"]
    digest = world.push("web", Release("2"), tag="beta")

    said = cli(world, 0, "deploy", name, "--tag", "beta", "--dry-run", "--wait")
    done = world.listener.deployments(name)[0]
    assert done["dry_run"]
    assert (done["state"], done["reason"]) == ("skipped", "a dry run: nothing was changed")
    assert (done["from_digest"], done["to_digest"]) == (running, digest)
    plan = done["plan"]
    assert plan[0].startswith("strategy recreate: it ")
    assert plan[1:3] == [
        f"image: {world.image('web')} -> {world.image('web', 'beta')}",
        f"digest: {running} -> {digest}",
    ]
    assert "keeps environment: PASSWORD" in plan
    assert "keeps mounts: /conf (bind), /data (anonymous volume)" in plan
    assert "keeps limits: Memory, MemorySwap" in plan
    assert f"keeps networks: bridge, {network} (aliases api)" in plan
    assert "leaves behind what was written outside of volumes: /data.db" in plan
    assert "the new image is not on this engine yet: it would be pulled" in plan
    assert "takes environment from the new image: APP_VERSION, COLOUR, OLD_ONLY, PATH" in plan
    assert "".join(f"  {line}\n" for line in plan) in said
    assert "hunter2" not in said + json.dumps(done)
    assert [step["name"] for step in done["steps"]] == ["resolve", "plan"]
    assert "what the deployment would do" in cli(world, 0, "show", done["id"])

    # The pause holds, the container is the very same, and nothing was pulled or tagged.
    after = world.container("web")
    assert (after["Id"], after["State"]) == (before["Id"], {**before["State"], **_log(after)})
    world.wait_answer(url, "1")
    assert world.leftovers("web") == []
    assert world.engine.docker("images", "-q", world.image("web", "beta")) == ""
    target = world.listener.target(name)
    assert (target["state"], target["digest"]) == ("paused", running)
    assert target["last_deployment"]["id"] != done["id"]

    # What runs already, and what is not there.
    again = cli(world, 0, "deploy", name, "--digest", running, "--dry-run", "--wait")
    assert "already runs" in again
    assert "nope" in cli(world, 1, "deploy", name, "--tag", "nope", "--dry-run", "--wait")

    def counted(metric: str, **labels: str) -> float:
        return world.listener.metric(f"listener_{metric}", target=name, **labels)

    assert counted("deployments_total", trigger="manual", state="skipped") == 2
    assert counted("deployments_total", trigger="manual", state="failed") == 1
    assert counted("deployment_duration_seconds_count", state="failed") == 0


def test_a_dry_run_neither_waits_for_a_deployment_nor_takes_its_place(world: World) -> None:
    url = world.begin("web", Release("1"))
    name = world.name("web")
    cli(world, 0, "pause", name)
    world.push("web", Release("2"))
    wait_for(lambda: world.listener.deployments(name)[0]["state"] == "waiting", "the push waits")
    waits = world.listener.deployments(name)[0]["id"]
    cli(world, 0, "deploy", name, "--dry-run", "--wait")
    assert world.listener.api(f"deployments/{waits}")["state"] == "waiting"
    cli(world, 0, "resume", name)
    world.wait_answer(url, "2")
    world.listener.quiet()
    assert world.listener.api(f"deployments/{waits}")["state"] == "succeeded"

    # The image is here by now: what it brings is known.
    first = world.listener.api(f"deployments/{waits}")["from_digest"]
    cli(world, 0, "deploy", name, "--digest", first, "--dry-run", "--wait")
    assert (
        "the new image changes environment: APP_VERSION"
        in (world.listener.deployments(name)[0]["plan"])
    )


def _log(inspect: dict[str, Any]) -> dict[str, Any]:
    """The part of a container's state that changes by itself."""
    return {"Health": inspect["State"]["Health"]}
