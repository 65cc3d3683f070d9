"""Services of Compose: replaced one container after the other, and still its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.compose import Project
from lab.events import Events
from listener.demo import ship
from listener.demo.app import Behaviour, Check, Release, digest_of
from listener.demo.engine import LABEL
from listener.demo.gate import EngineGate
from listener.demo.waiting import wait_for
from listener.demo.world import World

# Several containers start at once here, and machines that run tests are slow.
CHECK = Check(timeout=30)


def release(version: str, behaviour: Behaviour = Behaviour.GOOD) -> Release:
    """A version whose check is patient."""
    return Release(version, behaviour, check=CHECK)


@pytest.fixture
def shop(world: World) -> Project:
    """A project whose app runs three times, at version 1."""
    world.push("web", release("1"))
    return Project(world, {"web": {"deploy": {"replicas": 3}}})


def test_each_replica_is_replaced_and_the_next_up_keeps_them_all(
    world: World, shop: Project
) -> None:
    first = shop.begin()
    assert [one["driver"] for one in world.listener.api("targets")["targets"]] == ["compose"]

    deployment = shop.ends(world.push("web", release("2")), "succeeded")
    second = shop.containers()
    assert shop.versions("web") == ["2", "2", "2"]
    assert second.keys() == first.keys()
    assert not set(second.values()) & set(first.values())
    assert deployment["reason"] == "healthy, all 3 replicas"
    assert shop.up() == second
    assert shop.up("--scale", f"{world.name('web')}=4").items() >= second.items()
    assert shop.versions("web") == ["2"] * 4

    sick = shop.ends(world.push("web", release("3", Behaviour.SICK)), "rolled_back")
    assert f"({shop.replicas('web')[0]}, one of 4 replicas)" in sick["reason"]
    assert shop.versions("web") == ["2"] * 4
    assert shop.containers().items() >= second.items()
    assert shop.up("--scale", f"{world.name('web')}=4").items() >= second.items()


# In a version of this name only the two containers that come first ever get ready.
TWO_OF_FOUR = "3-for-two"
PROBE = """me=$$(cat /etc/hostname)
case $$(cat /app/version) in *-for-two)
  busybox grep -q $$me /data/came || echo $$me >> /data/came
  busybox head -n 2 /data/came | busybox grep -q $$me || { echo "two are there already"; exit 1; }
esac
exec /app/check"""
PATIENT = {"test": ["CMD", "sh", "-c", PROBE], "interval": "1s", "timeout": "30s", "retries": 2}


class Answering:
    """How many of a project's containers are healthy at once, by the engine's own account."""

    def __init__(self, shop: Project) -> None:
        self._shop = shop
        mine = f"label=com.docker.compose.project={shop.name}"
        file = shop.directory / "events"
        self._events = Events(shop.world.engine, file, "{{.ID}} {{.Action}}", mine)

    def __enter__(self) -> Answering:
        self._ready = set(self._shop.containers().values())
        self._events.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.__exit__()

    def fewest(self) -> int:
        """The least number since the beginning."""
        now = set(self._ready)
        fewest = len(now)
        for line in self._events.lines():
            container, _, action = line.partition(" ")
            if action == "health_status: healthy":
                now.add(container)
            elif action in ("die", "health_status: unhealthy"):
                now.discard(container)
            fewest = min(fewest, len(now))
        return fewest


def acts(deployment: dict[str, Any], name: str) -> int:
    """How often a deployment did an act."""
    return [step["name"] for step in deployment["steps"]].count(name)


def test_two_at_a_time_leave_the_others_to_answer_and_all_four_come_back(world: World) -> None:
    world.push("web", release("1"))
    labels = {"listener.parallelism": "2", "listener.strategy": "recreate"}
    web = {
        "deploy": {"replicas": 4},
        "labels": labels,
        "volumes": ["data:/data"],
        "healthcheck": PATIENT,
    }
    shop = Project(world, {"web": web}, more={"volumes": {"data": {}}})
    first = shop.begin()
    wait_for(
        lambda: all(
            world.engine.inspect(name)["State"]["Health"]["Status"] == "healthy" for name in first
        ),
        "all four are healthy",
        timeout=120,
    )

    with Answering(shop) as answering:
        good = shop.ends(world.push("web", release("2")), "succeeded")
        assert answering.fewest() >= 2
    second = shop.containers()
    assert shop.versions("web") == ["2"] * 4
    assert not set(second.values()) & set(first.values())
    assert good["reason"] == "healthy, all 4 replicas"
    assert (acts(good, "cutover"), acts(good, "watch")) == (4, 2)
    assert shop.up() == second

    sick = shop.ends(world.push("web", release(TWO_OF_FOUR)), "rolled_back")
    assert "two are there already" in sick["reason"]
    assert "one of 4 replicas" in sick["reason"]
    assert (acts(sick, "cutover"), acts(sick, "revert")) == (4, 4)
    assert shop.containers() == second
    assert shop.versions("web") == ["2"] * 4
    assert shop.up() == second


def test_two_that_prove_themselves_beside_the_old_ones_are_handed_over_together(
    world: World,
) -> None:
    world.push("web", release("1"))
    labels = {"listener.parallelism": "2", "listener.strategy": "start-first"}
    shop = Project(world, {"web": {"deploy": {"replicas": 2}, "labels": labels}})
    first = shop.begin()
    sick = shop.ends(world.push("web", release("2", Behaviour.SICK)), "failed")
    assert "one of 2 replicas" in sick["reason"]
    assert shop.containers() == first
    assert shop.versions("web") == ["1", "1"]

    good = shop.ends(world.push("web", release("3")), "succeeded")
    assert shop.versions("web") == ["3", "3"]
    assert [acts(good, act) for act in ("prove", "handover", "retire", "watch")] == [1, 2, 1, 1]
    now = shop.containers()
    assert now.keys() == first.keys()
    assert shop.up() == now


def test_what_before_stop_takes_out_of_service_waits_for_no_other(world: World) -> None:
    """Else the second command's failure would leave the first container out of service."""
    world.push("web", release("1"))
    once = "[ -e /data/left ] && exit 1; touch /data/left"
    labels = {
        "listener.parallelism": "2",
        "listener.strategy": "recreate",
        "listener.lifecycle.before_stop": json.dumps(["/bin/busybox", "sh", "-c", once]),
    }
    web = {"deploy": {"replicas": 2}, "labels": labels, "volumes": ["data:/data"]}
    shop = Project(world, {"web": web}, more={"volumes": {"data": {}}})
    first = shop.begin()
    failed = shop.ends(world.push("web", release("2")), "failed")
    assert "before_stop" in failed["reason"]
    # The first was replaced, whole, before the second was asked to leave; it is back.
    assert acts(failed, "cutover") == 1
    assert shop.versions("web") == ["1", "1"]
    assert shop.containers() == first


def with_followers(world: World, labels: dict[str, str] | None = None) -> Project:
    """A project in which one service is restarted with the app, and one only needs it."""
    world.push("web", release("1"))
    world.push("parts", release("1"))
    needs = {world.name("web"): {"condition": "service_started", "restart": True}}
    only_needs = {world.name("web"): {"condition": "service_started"}}
    beside = {"listener.enable": "false"}
    return Project(
        world,
        {
            "web": {"labels": labels} if labels else {},
            "follows": {"image": world.image("parts"), "depends_on": needs, "labels": beside},
            "stays": {"image": world.image("parts"), "depends_on": only_needs, "labels": beside},
        },
    )


def test_what_depends_on_it_with_restart_is_stopped_before_and_started_after(
    world: World,
) -> None:
    shop = with_followers(world)
    first = shop.begin()
    [web], [follows], [stays] = (shop.replicas(app) for app in ("web", "follows", "stays"))

    def began(container: str) -> str:
        return str(world.engine.inspect(container)["State"]["StartedAt"])

    before = began(stays)
    shop.ends(world.push("web", release("2")), "succeeded")
    assert began(follows) > began(web)
    assert world.engine.inspect(follows)["State"]["Running"]
    assert shop.containers()[follows] == first[follows]

    restarted = began(follows)
    shop.ends(world.push("web", release("3", Behaviour.SICK)), "rolled_back")
    assert began(follows) > began(web) > restarted
    assert world.engine.inspect(follows)["State"]["Running"]
    assert began(stays) == before
    now = shop.containers()
    assert shop.up() == now


def test_without_a_rollback_what_was_stopped_with_it_runs_again(world: World) -> None:
    shop = with_followers(world, labels={"listener.rollback": "false"})
    shop.begin()
    [follows] = shop.replicas("follows")
    sick = shop.ends(world.push("web", release("2", Behaviour.SICK)), "failed")
    assert "left as it is" in sick["reason"]
    assert shop.versions("web") == ["2"]
    assert world.engine.inspect(follows)["State"]["Running"]


def test_what_was_stopped_with_it_runs_again_where_a_stranger_takes_its_place(
    gated: tuple[World, EngineGate],
) -> None:
    world, gate = gated
    shop = with_followers(world)
    shop.begin()
    [web], [follows] = (shop.replicas(app) for app in ("web", "follows"))
    digest = world.push("web", release("2", Behaviour.HANGS))
    wait_for(
        lambda: world.listener.deployments()[0]["state"] == "watching",
        "the new one is watched",
    )
    assert not world.engine.inspect(follows)["State"]["Running"]
    # Without its engine, the listener does not take the name back before somebody else has it.
    with gate.closed():
        world.engine.docker("rm", "-f", web)
        world.engine.docker(
            *("run", "-d", "--name", web, "--label", f"{LABEL}={world.session}"),
            *("--entrypoint", "/bin/busybox", world.image("parts"), "sleep", "3600"),
        )
    failed = world.listener.deployment_of(world.name("web"), digest)
    assert failed["state"] == "failed"
    assert f"in the place of {web}" in failed["reason"]
    assert world.engine.inspect(follows)["State"]["Running"]
    assert world.engine.inspect(web)["State"]["Running"]


def test_two_projects_with_a_service_of_one_name_are_told_apart(world: World) -> None:
    world.push("web", release("1"))
    shop = Project(world, {"web": {}})
    shop.begin()
    other = f"{world.session}-b"
    try:
        shop.compose("--project-name", other, "up", "--detach")
        names = {world.name("web"), f"{other}-{world.name('web')}"}
        wait_for(
            lambda: names == {one["name"] for one in world.listener.api("targets")["targets"]},
            "who came later has its project's name before its own",
        )
        # What the first one can go back to goes by its name, and so it does after a restart.
        world.listener.stop()
        world.listener.start()
        world.listener.quiet()
        assert names == {one["name"] for one in world.listener.api("targets")["targets"]}
        shop.ends(world.push("web", release("2")), "succeeded")
        # What is being replaced would outlive the other project.
        world.listener.quiet()
    finally:
        shop.compose("--project-name", other, "down", "--timeout", "0")
    wait_for(
        lambda: (
            [world.name("web")] == [one["name"] for one in world.listener.api("targets")["targets"]]
        ),
        "the first one is alone again",
    )


def test_files_that_compose_copied_into_it_are_there_after_the_swap(world: World) -> None:
    world.push("web", release("1"))
    shop = Project(
        world,
        {"web": {"configs": [{"source": "motd", "target": "/etc/motd"}]}},
        more={"configs": {"motd": {"content": "good morning"}}},
    )
    shop.begin()
    shop.ends(world.push("web", release("2")), "succeeded")
    [web] = shop.replicas("web")
    assert world.engine.docker("exec", web, "cat", "/etc/motd") == "good morning"
    now = shop.containers()
    assert shop.up() == now


def test_what_lives_in_its_network_is_made_again_with_it(world: World) -> None:
    world.push("web", release("1"))
    world.push("parts", Release("parts", check=None))
    beside = {
        "image": world.image("parts"),
        "network_mode": f"service:{world.name('web')}",
        "command": ["sleep", "3600"],
        "init": True,
        "labels": {"listener.enable": "false"},
    }
    shop = Project(world, {"web": {}, "beside": beside})
    first = shop.begin()
    [web], [lives] = shop.replicas("web"), shop.replicas("beside")
    shop.ends(world.push("web", release("2", Behaviour.SICK)), "rolled_back")
    assert shop.containers() == first
    assert shop.up() == first

    shop.ends(world.push("web", release("3")), "succeeded")
    now = shop.containers()
    assert now.keys() == first.keys()
    inspect = world.engine.inspect(lives)
    assert inspect["State"]["Running"]
    assert inspect["HostConfig"]["NetworkMode"] == f"container:{now[web]}"
    # What Compose notes of this one holds the id of the other, so it makes this one anew, once.
    after = shop.up()
    assert after[web] == now[web]
    assert shop.up() == after


@pytest.mark.parametrize("write", [True, False])
def test_a_tag_policy_moves_it_past_its_file_and_the_next_up_does_not_go_back_unsaid(
    world: World, write: bool
) -> None:
    world.push("web", release("1"), tag="1.4.0")
    labels = {"listener.tag.semver": "^1.4"}
    if write:
        labels["listener.compose.write"] = ".env"
    web = {"image": world.image("web", "${WEB_TAG:-1.4.0}"), "labels": labels}
    shop = Project(world, {"web": web})
    shop.begin()
    (shop.directory / ".env").write_text("# ours\nPORT=80\n")
    deployment = shop.ends(world.push("web", release("2"), tag="1.5.0"), "succeeded")
    assert shop.versions("web") == ["2"]
    if not write:
        assert "would go back; set WEB_TAG=1.5.0" in deployment["reason"]
        assert (shop.directory / ".env").read_text() == "# ours\nPORT=80\n"
        assert "set WEB_TAG=1.5.0" in world.listener.cli("check").stdout
        return
    assert "wrote WEB_TAG=1.5.0 into .env" in deployment["reason"]
    assert (shop.directory / ".env").read_text() == "# ours\nPORT=80\nWEB_TAG=1.5.0\n"
    shop.up()
    assert shop.versions("web") == ["2"]


def test_a_newer_compose_that_notes_the_platforms_manifest_finds_the_new_one(
    world: World,
) -> None:
    if "io.containerd" not in world.engine.docker("info", "--format", "{{.DriverStatus}}"):
        pytest.skip("only the containerd store tells what it runs of an image")
    api, built = ship.Api(world.registry), [world.build(release(str(n))) for n in (1, 2)]
    first, second = (digest_of(ship.manifest_of(image)) for image in built)
    indexes = [[("amd64", image), ("s390x", image)] for image in built]
    api.push_index(world.repository("web"), "latest", indexes[0])
    world.run("web", labels={"com.docker.compose.image": first})
    world.listener.start()
    world.wait_late_push("web")
    digest = api.push_index(world.repository("web"), "latest", indexes[1])
    ended = world.listener.deployment_of(world.name("web"), digest)
    assert ended["state"] == "succeeded", ended["reason"]
    assert world.container("web")["Config"]["Labels"]["com.docker.compose.image"] == second
