"""Five targets of all strategies, releases of every kind, and nobody spared, at random.

`CHAOS_SECONDS` says how long (120), `CHAOS_SEED` repeats a run that failed.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lab.neighbour import Neighbour
from lab.redis_server import RedisServer
from listener.demo import http
from listener.demo.app import PORT, Behaviour, Check, Release
from listener.demo.engine import LABEL
from listener.demo.listener import FINAL
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.conftest import MakeWorld

SECONDS = float(os.environ.get("CHAOS_SECONDS", "120"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
KINDS = {
    "good": Release(""),
    "sick": Release("", Behaviour.SICK),
    "never-starts": Release("", Behaviour.MISSING),
    "exits": Release("", Behaviour.EXITS),
    "dies": Release("", Behaviour.DIES, seconds=2),
    "slow": Release("", Behaviour.SLOW, seconds=3, check=Check(start_period=30)),
    "stubborn": Release("", Behaviour.STUBBORN),
}
GOOD = ("good", "slow", "stubborn")


@dataclass
class Member:
    """One target: how its users find it, and what was pushed for it."""

    app: str
    strategy: str
    published: bool
    labels: dict[str, str] = field(default_factory=dict)
    url: str = ""
    good: list[str] = field(default_factory=list)


MEMBERS = (
    Member("shop", "recreate", True),
    Member("api", "start-first", False),
    Member("mail", "warm", True),
    Member("blog", "auto", True, {"listener.preflight": "true"}),
    Member("jobs", "recreate", False, {"listener.lifecycle.after_start": "/bin/true"}),
)


class Town:
    """All targets, their network and volumes, and those who ask them."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.members = [Member(**vars(one)) for one in MEMBERS]
        self.network = f"{world.session}-net"
        self._create("network", self.network)
        self._numbers = iter(range(10**6))
        for member in self.members:
            self._begin(member)
        self.neighbour = Neighbour(world.engine, self.network, world.session)

    def _create(self, kind: str, name: str) -> None:
        label = f"{LABEL}={self.world.session}"
        self.world.engine.docker(kind, "create", "--label", label, name)

    def _begin(self, member: Member) -> None:
        world, name = self.world, self.world.name(member.app)
        self._create("volume", f"{name}-data")
        self.push(member, "good")
        labels = {
            "listener.enable": "true",
            "listener.scope": world.session,
            "listener.strategy": member.strategy,
            **member.labels,
        }
        port = free_port()
        member.url = f"http://127.0.0.1:{port}/" if member.published else ""
        published = ("-p", f"127.0.0.1:{port}:{PORT}") if member.published else ()
        world.engine.docker(
            *("run", "-d", "--name", name, "--restart", "unless-stopped", *published),
            *("--network", self.network, "--network-alias", member.app),
            *("-v", f"{name}-data:/data"),
            *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
            world.image(member.app),
        )
        world.engine.docker("exec", name, "sh", "-c", f"echo {name} > /data/mark")

    def push(self, member: Member, kind: str) -> None:
        """Pushes a release of some kind, each with a version of its own."""
        version = f"{next(self._numbers)}-{kind}"
        release = Release(**{**vars(KINDS[kind]), "version": version})
        self.world.push(member.app, release)
        if kind in GOOD:
            member.good.append(version)

    def answer(self, member: Member) -> str | None:
        """What its users get now."""
        if member.url:
            return http.what_answers(member.url)
        return self.neighbour.asks(self.world.name(member.app))

    def pushes_at_random(self) -> None:
        """Some targets get something, mostly something good."""
        for member in self.dice.sample(self.members, self.dice.randint(1, 3)):
            kind = self.dice.choice([*GOOD, "good", *KINDS])
            self.push(member, kind)


def mischief(world: World, redis: RedisServer) -> list[Callable[[], None]]:
    """What is done to the parts; each leaves them running."""

    def kill() -> None:
        world.listener.kill()
        world.listener.start()

    def stop() -> None:
        world.listener.stop()
        world.listener.start()

    def crash_redis() -> None:
        redis.kill()
        redis.start()

    def lose_redis() -> None:
        world.listener.kill()
        redis.lose_everything()
        redis.start()
        world.listener.start()

    def engine_away() -> None:
        assert world.gate is not None
        world.gate.down()
        world.listener.kill()
        world.listener.start(ready=False)
        world.gate.up()
        world.listener.wait_ready()

    return [kill, kill, kill, stop, crash_redis, lose_redis, engine_away]


@pytest.fixture
def town(make_world: MakeWorld, redis_server: RedisServer) -> Town:
    settings = {
        "redis": redis_server.url,
        "defaults": {"health": {"settle": "1s"}, "debounce": "200ms", "reconcile": "20s"},
    }
    world = make_world(settings=settings, gated=True)
    return Town(world, random.Random(SEED))


@pytest.mark.thorough
@pytest.mark.timeout(900 + 2 * SECONDS)
def test_everything_at_random(town: Town, redis_server: RedisServer) -> None:
    print(f"CHAOS_SEED={SEED}")
    world, dice = town.world, town.dice
    world.listener.start()
    for member in town.members:
        world.wait_target(member.app)
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        town.pushes_at_random()
        # Not a wait for anything: the moment is what is tried here.
        time.sleep(dice.uniform(0, 8))
        dice.choice(mischief(world, redis_server))()

    # Whatever happened, the newest good release gets through to each.
    for member in town.members:
        world.wait_target(member.app)
        town.push(member, "good")
    for member in town.members:
        wait_for(
            lambda member=member: town.answer(member) == member.good[-1],
            f"{member.app} answers {member.good[-1]}",
            timeout=180,
        )
    assert_all_is_well(town)


def assert_all_is_well(town: Town) -> None:
    world = town.world
    wait_for(
        lambda: all(one["state"] in FINAL for one in world.listener.deployments()),
        "every deployment has ended",
        timeout=120,
    )
    wait_for(
        lambda: not [name for m in town.members for name in world.leftovers(m.app)],
        "nothing is left over",
        timeout=60,
    )
    for member in town.members:
        name = world.name(member.app)
        container = world.container(member.app)
        assert container["State"]["Running"], name
        assert town.answer(member) == member.good[-1]
        assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert list(container["NetworkSettings"]["Networks"]) == [town.network], name
        assert member.app in container["NetworkSettings"]["Networks"][town.network]["Aliases"]
        marked = world.engine.docker("exec", name, "cat", "/data/mark")
        assert marked.strip() == name, "the volume's data"
    for push in world.listener.pushes():
        assert push["matches"], push
    networks = world.engine.docker("network", "ls", "--format", "{{.Name}}").split()
    mine = [name for name in networks if world.session in name]
    assert [name for name in mine if name.startswith("listener-warm-")] == []
