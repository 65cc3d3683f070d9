"""Redis as it is run for real: its master dies under Sentinels, its memory is full."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from lab.redis_server import RedisServer
from lab.sentinels import SERVICE, Sentineled
from listener.demo import http
from listener.demo.app import Behaviour, Check, Release
from listener.demo.listener import FINAL
from listener.demo.process import program
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World
from tests.conftest import MakeWorld

# It is watched for long enough that something can be done meanwhile.
SLOW = Release("2", Behaviour.SLOW, seconds=6, check=Check(start_period=30))


def post(world: World, number: int, digest: str) -> http.Answer:
    """One notification of a push, as the registry sends it; each number is another one."""
    event = {
        "id": f"by-hand-{number}",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "repository": world.repository("web"),
            "tag": "latest",
            "url": f"http://{world.registry.host}/v2/x/manifests/y",
        },
    }
    url = f"{world.listener.public}/hooks/{HOOK}/{world.token}"
    return http.post_json(url, {"events": [event]})


def watched(world: World) -> bool:
    return any(one["state"] == "watching" for one in world.listener.deployments())


class Sender(threading.Thread):
    """Sends pushes of one digest, each until it is taken, and remembers what it was told."""

    def __init__(self, world: World, digest: str) -> None:
        super().__init__(daemon=True)
        self.world, self.digest = world, digest
        self.accepted: list[str] = []
        self.refused: list[http.Answer] = []
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.enough.wait(0.1):
            try:
                answer = post(self.world, number, self.digest)
            except OSError:
                # Nobody knows whether it was taken: the same once more.
                continue
            if answer.status == 202:
                self.accepted.append(answer.json["pushes"][0]["id"])
                number += 1
            else:
                self.refused.append(answer)


def test_the_master_dies_in_mid_deployment(make_world: MakeWorld, tmp_path: Path) -> None:
    with Sentineled(tmp_path / "redis") as redis:
        world = make_world(settings={"redis": redis.url})
        url = world.begin("web")
        ready = f"ok, with Redis at 127.0.0.1:{redis.master.port} (the master of {SERVICE})"
        wait_for(
            lambda: http.get(f"{world.listener.admin}/readyz").text == ready, f"it says {ready}"
        )

        digest = world.push("web", SLOW)
        wait_for(lambda: watched(world), "version 2 is being watched")
        sender = Sender(world, digest)
        sender.start()
        wait_for(lambda: len(sender.accepted) > 2, "pushes are taken")
        old = redis.master
        old.kill()
        redis.wait_for_another(old)
        told = len(sender.accepted)
        wait_for(lambda: len(sender.accepted) > told + 5, "pushes are taken again")
        sender.enough.set()
        sender.join()
        world.wait_answer(url, "2")

        def ended() -> bool:
            matches = [match for push in world.listener.pushes() for match in push["matches"]]
            return len(matches) >= len(sender.accepted)

        wait_for(ended, "all pushes are read")
        history = {one["id"]: one for one in world.listener.quiet()}
        stored = [push["id"] for push in world.listener.pushes()]
        assert set(sender.accepted) <= set(stored)
        assert len(stored) == len(set(stored))
        assert {answer.status for answer in sender.refused} <= {503}
        assert all(answer.headers["retry-after"] for answer in sender.refused)
        of = {push["id"]: push["matches"] for push in world.listener.pushes()}
        for push in sender.accepted:
            [match] = of[push]
            assert match["deployment"] is None or history[match["deployment"]]["state"] in FINAL
        assert [one["state"] for one in history.values()].count("succeeded") == 1
        assert world.leftovers("web") == []


def test_memory_is_full_in_mid_deployment(make_world: MakeWorld, redis_server: RedisServer) -> None:
    def redis(*command: str) -> str:
        cli = (program("redis-cli"), "-p", str(redis_server.port), *command)
        return subprocess.run(cli, capture_output=True, text=True, check=True).stdout.strip()

    world = make_world(settings={"redis": redis_server.url})
    url = world.begin("web")
    digest = world.push("web", SLOW)
    wait_for(lambda: watched(world), "version 2 is being watched")
    redis("config", "set", "maxmemory", "1")
    answer = post(world, 1, digest)
    assert answer.status == 503
    assert answer.headers["retry-after"]
    # The registry's own notification of version 3 is refused too, and repeated by it.
    world.push("web", Release("3"))
    wait_for(
        lambda: world.listener.metric("listener_hook_requests_total", code="503") >= 2,
        "the registry is told to come again",
    )
    assert "evicted_keys:0" in redis("info", "stats").splitlines()
    redis("config", "set", "maxmemory", "0")
    world.wait_answer(url, "3", timeout=90)
    states = {one["to_digest"]: one["state"] for one in world.listener.quiet()}
    assert states[digest] == "succeeded"
    assert world.leftovers("web") == []
