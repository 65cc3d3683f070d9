"""The engine or Redis goes away in the middle, and comes back."""

from __future__ import annotations

from lab.redis_server import RedisServer
from listener.demo import http
from listener.demo.app import Behaviour, Check, Release
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World
from tests.conftest import MakeWorld

# It is watched for long enough that something can be done meanwhile.
SLOW = Release("2", Behaviour.SLOW, seconds=6, check=Check(start_period=30))


def not_ready(world: World) -> str:
    """What /readyz says while something is away; empty while all is well."""
    answer = http.get(f"{world.listener.admin}/readyz")
    return answer.text if answer.status == 503 else ""


def watched(world: World) -> bool:
    """Whether a deployment is in its swap or after it."""
    return any(one["state"] in ("swapping", "watching") for one in world.listener.deployments())


def test_a_push_while_the_engine_is_away_is_deployed_when_it_returns(make_world: MakeWorld) -> None:
    world = make_world(gated=True)
    url = world.begin("web")
    assert world.gate is not None
    world.gate.down()
    wait_for(lambda: "engine" in not_ready(world), "/readyz says that the engine is away")
    world.push("web", Release("2"))
    wait_for(lambda: len(world.listener.pushes()) == 2, "the push is kept")
    world.wait_answer(url, "1")
    world.gate.up()
    world.wait_answer(url, "2")
    wait_for(lambda: not not_ready(world), "/readyz is content again")
    assert world.listener.quiet()[0]["state"] == "succeeded"


def test_the_engine_goes_away_in_mid_deployment(make_world: MakeWorld) -> None:
    world = make_world(gated=True)
    url = world.begin("web")
    assert world.gate is not None
    digest = world.push("web", SLOW)
    wait_for(lambda: watched(world), "the swap is under way")
    world.gate.down()
    wait_for(lambda: "engine" in not_ready(world), "/readyz says that the engine is away")
    world.gate.up()
    assert world.listener.deployment_of(world.name("web"), digest)["state"] == "succeeded"
    world.wait_answer(url, "2")
    assert world.leftovers("web") == []


def test_redis_goes_away_in_mid_deployment(
    make_world: MakeWorld, redis_server: RedisServer
) -> None:
    world = make_world(settings={"redis": redis_server.url})
    url = world.begin("web")
    digest = world.push("web", SLOW)
    wait_for(lambda: watched(world), "the swap is under way")
    redis_server.kill()
    wait_for(lambda: "Redis" in not_ready(world), "/readyz says that Redis is away")

    # A registry is told to come again, and nothing is promised.
    answer = http.post_json(
        f"{world.listener.public}/hooks/{HOOK}/{world.token}",
        {
            "events": [
                {
                    "id": "1",
                    "action": "push",
                    "target": {
                        "mediaType": "application/vnd.oci.image.manifest.v1+json",
                        "digest": digest,
                        "repository": world.repository("web"),
                        "tag": "latest",
                        "url": f"http://{world.registry.host}/v2/x/manifests/y",
                    },
                }
            ]
        },
    )
    assert answer.status == 503
    assert answer.headers["retry-after"]

    # The registry's own push of version 3 is repeated by it until it is taken.
    world.push("web", Release("3"))
    redis_server.start()
    world.wait_answer(url, "3", timeout=90)
    states = {one["to_digest"]: one["state"] for one in world.listener.quiet()}
    assert states[digest] == "succeeded"
    assert world.leftovers("web") == []


def test_a_push_missed_while_everything_was_down_is_found(world: World) -> None:
    url = world.begin("web")
    world.listener.stop()
    # The registry cannot deliver; it is ended too, with the queue that it keeps in memory.
    digest = world.push("web", Release("2"))
    world.registry.stop()
    world.registry.start()
    world.listener.start()
    world.wait_answer(url, "2", timeout=90)
    found = world.listener.deployment_of(world.name("web"), digest)
    assert (found["state"], found["trigger"]) == ("succeeded", "reconcile")
