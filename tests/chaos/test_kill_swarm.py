"""SIGKILL in the middle of a service's update; a worker, or a whole manager, that goes away."""

from __future__ import annotations

import shutil

import pytest

from lab.cluster import Cluster
from lab.redis_server import RedisServer
from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from tests.conftest import MakeCluster

FORWARD = ["before-update", "update", "before-follow", "follow", "watch", "before-commit", "commit"]
BACK = ["follow", "before-revert", "revert", "before-revert_watch", "revert_watch", "clean"]
TELLING = {"update", "before-revert"}


def kills(points: list[str]) -> list[object]:
    """The telling ones for every run, the others for the thorough one."""
    thorough = pytest.mark.thorough
    return [
        pytest.param(point, marks=() if point in TELLING else thorough, id=point)
        for point in points
    ]


class Killed:
    """A service whose deployment was killed at a fault point."""

    def __init__(self, cluster: Cluster, fault: str, behaviour: Behaviour) -> None:
        self.cluster, self.name = cluster, cluster.name("web")
        self.first = cluster.first_release("web")
        cluster.listener.start(fault=fault)
        cluster.wait_late_push("web")
        self.second = cluster.push("web", Release("2", behaviour))
        cluster.listener.wait(120)
        cluster.listener.kill(redis=True)

    def begin_again(self, *, without_redis: bool) -> None:
        if without_redis:
            shutil.rmtree(self.cluster.listener.state)
        self.cluster.listener.start()

    def comes_to_rest(self, digest: str) -> None:
        """Both nodes run it, Swarm is at the end of its work, and so are we."""
        wait_for(lambda: self._rests(digest), f"{digest[:19]} runs on both nodes", timeout=90)
        self.cluster.listener.quiet()
        assert self._rests(digest)

    def _rests(self, digest: str) -> bool:
        status = self.cluster.swarm.service(self.name).get("UpdateStatus") or {}
        ended = status.get("State", "completed") in ("completed", "rollback_completed")
        named = self.cluster.swarm.service(self.name)["Spec"]["TaskTemplate"]["ContainerSpec"]
        at_rest = ended and named["Image"].endswith(digest)
        return at_rest and self.cluster.on_two_nodes("web", digest)


@pytest.mark.parametrize("fault", kills(FORWARD))
def test_a_good_release_gets_through(make_cluster: MakeCluster, fault: str) -> None:
    killed = Killed(make_cluster(), fault, Behaviour.GOOD)
    killed.begin_again(without_redis=False)
    killed.comes_to_rest(killed.second)
    states = [one["state"] for one in killed.cluster.listener.deployments(killed.name)]
    assert states.count("succeeded") == 1


@pytest.mark.parametrize("fault", kills(BACK))
def test_a_sick_release_is_still_taken_back(make_cluster: MakeCluster, fault: str) -> None:
    killed = Killed(make_cluster(), fault, Behaviour.SICK)
    killed.begin_again(without_redis=False)
    killed.comes_to_rest(killed.first)
    last = killed.cluster.listener.deployments(killed.name)[0]
    assert last["state"] == "rolled_back"
    assert last["reason"].startswith("unhealthy: task")


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FORWARD)
def test_a_good_release_gets_through_without_the_journal(
    make_cluster: MakeCluster, fault: str
) -> None:
    killed = Killed(make_cluster(), fault, Behaviour.GOOD)
    killed.begin_again(without_redis=True)
    killed.comes_to_rest(killed.second)


@pytest.mark.parametrize("fault", kills(BACK))
def test_a_sick_release_is_taken_back_without_the_journal(
    make_cluster: MakeCluster, fault: str
) -> None:
    killed = Killed(make_cluster(), fault, Behaviour.SICK)
    killed.begin_again(without_redis=True)
    killed.comes_to_rest(killed.first)


@pytest.fixture
def shared(make_cluster: MakeCluster, redis_server: RedisServer) -> Cluster:
    """A cluster whose workers share a Redis."""
    return make_cluster(
        settings={
            "redis": redis_server.url,
            "defaults": {"health": {"settle": "1s", "timeout": "60s"}, "debounce": "200ms"},
        }
    )


def test_another_managers_worker_goes_on(shared: Cluster) -> None:
    """One worker is killed in mid-update; the one at another manager ends the deployment."""
    name = shared.name("web")
    shared.first_release("web")
    shared.listener.start(fault="update")
    shared.wait_late_push("web")
    with shared.standby(shared.swarm.hosts[1]) as other:
        digest = shared.push("web", Release("2"))
        shared.listener.wait(120)
        wait_for(lambda: shared.on_two_nodes("web", digest), "both run it", timeout=60)
        ended = other.deployment_of(name, digest, timeout=60)
        assert ended["state"] == "succeeded"
        # One push, one deployment, whoever did it.
        assert [one["to_digest"] for one in other.deployments(name)].count(digest) == 1


@pytest.mark.thorough
def test_a_manager_goes_away_in_mid_update(shared: Cluster) -> None:
    """Its engine dies, and it is the leader: another one leads, and another worker goes on."""
    name, leader = shared.name("web"), shared.swarm.hosts[0]
    first = shared.first_release("web")
    shared.listener.start()
    shared.wait_late_push("web")
    swarm_host = shared.listener.target(name)["host"]
    with shared.standby(shared.swarm.hosts[1]) as other:
        digest = shared.push("web", Release("2"))
        wait_for(lambda: under_way(shared), "the update is under way", timeout=60)
        shared.swarm.kill(leader)
        try:
            wait_for(
                lambda: other.metric("listener_worker_up", host=swarm_host) == 1,
                "the other worker takes over",
                timeout=60,
            )
        finally:
            shared.swarm.bring_back(leader)
        ended = other.deployment_of(name, digest, timeout=120)
        # A task that was on the lost node is one that failed: Swarm may have stopped at that.
        assert ended["state"] in ("succeeded", "rolled_back")
        runs = digest if ended["state"] == "succeeded" else first
        wait_for(lambda: shared.on_two_nodes("web", runs), "both run the same", timeout=60)


def under_way(cluster: Cluster) -> bool:
    """Whether Swarm is at the update."""
    status = cluster.swarm.service(cluster.name("web")).get("UpdateStatus") or {}
    return status.get("State") == "updating"
