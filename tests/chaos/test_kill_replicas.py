"""SIGKILL while the containers of a service are replaced one after the other, or together: never a
mixture.
"""

from __future__ import annotations

import shutil
import signal
from typing import Any

import pytest

from lab.compose import Project
from listener.demo.app import Release
from listener.demo.engine import EngineTrouble
from listener.demo.waiting import wait_for
from listener.demo.world import World

# In a version of this name only the container that comes first ever gets ready.
ONE_OF_TWO = "2-for-one"
PROBE = """case $$(cat /app/version) in *-for-one)
  [ -e /data/owner ] || cat /etc/hostname > /data/owner
  [ "$$(cat /data/owner)" = "$$(cat /etc/hostname)" ] || { echo "there is another one"; exit 1; }
esac
exec /app/check"""
# Machines that run tests are slow.
PATIENT = {"test": ["CMD", "sh", "-c", PROBE], "interval": "1s", "timeout": "30s", "retries": 2}


class Pair:
    """A service of two containers that share a volume, at version 1, the listener at rest.

    `together` they are replaced at once.
    """

    def __init__(self, world: World, *, together: bool = False) -> None:
        self.world = world
        world.push("web", Release("1"))
        web = {
            "deploy": {"replicas": 2},
            "volumes": ["data:/data"],
            "healthcheck": PATIENT,
            "labels": {"listener.parallelism": "2"} if together else {},
        }
        self.project = Project(world, {"web": web}, more={"volumes": {"data": {}}})
        self.first = self.project.begin()
        self._inside("echo kept > /data/file")

    def die_at(self, fault: str, version: str) -> None:
        """Pushes a version to a listener that kills itself at this point, and waits for that."""
        listener = self.world.listener
        listener.stop()
        listener.start(fault=fault)
        self.world.wait_target("web")
        self.world.push("web", Release(version))
        wait_for(lambda: not listener.alive, f"the listener dies at {fault}", timeout=120)
        assert listener.wait() == -signal.SIGKILL
        listener.kill(redis=True)

    def lose_redis(self) -> None:
        """Deletes all that the embedded Redis wrote."""
        shutil.rmtree(self.world.directory / "state")

    def comes_to_rest(self, version: str) -> None:
        """Asserts that both run this version under their own names, and are Compose's own."""
        world, project, name = self.world, self.project, self.world.name("web")
        world.wait_target("web")
        wait_for(
            lambda: self._all_run(version),
            f"both run {version}",
            timeout=120,
            # One may be replaced between the list and the look into it.
            forgive=(OSError, EngineTrouble),
        )
        wait_for(lambda: world.listener.target(name)["state"] == "idle", "it is idle", timeout=60)
        history = world.listener.quiet()
        assert self._all_run(version)
        assert all(one["reason"] for one in history)
        assert self._inside("cat /data/file") == "kept"
        now = project.containers()
        assert project.up() == now

    def _all_run(self, version: str) -> bool:
        containers = self.project.containers()
        if containers.keys() != self.first.keys():
            return False
        states = self.world.engine.containers(self.world.session)
        running = all(states.get(name) == "running" for name in containers)
        return running and self.project.versions("web") == [version] * 2

    def _inside(self, script: str) -> str:
        container = self.project.replicas("web")[0]
        return self.world.engine.docker("exec", container, "sh", "-c", script)


def also(fault: str, *, together: bool = False) -> Any:
    """A kill that `make chaos` alone tries."""
    return pytest.param(fault, together, marks=pytest.mark.thorough)


@pytest.mark.parametrize(
    ("fault", "together"),
    [
        also("before-next"),
        ("create:2", False),
        also("named:2"),
        ("stopping:2", False),
        ("watch:2", False),
        also("commit"),
        also("create:1", together=True),
        also("cutover:1", together=True),
        ("stopping:2", True),
        also("disarm:1", together=True),
        also("before-watch", together=True),
    ],
)
def test_a_good_release_gets_through(world: World, fault: str, together: bool) -> None:
    pair = Pair(world, together=together)
    pair.die_at(fault, "2")
    world.listener.start()
    pair.comes_to_rest("2")


@pytest.mark.parametrize(
    ("fault", "together"),
    [
        also("watch:2"),
        ("unstarted", False),
        ("revert:2", False),
        also("restored:2"),
        also("clean:2"),
        also("watch", together=True),
        also("revert:1", together=True),
        ("unstarted:2", True),
        also("clean:1", together=True),
    ],
)
def test_a_release_that_is_sick_in_the_second_is_taken_back_in_both(
    world: World, fault: str, together: bool
) -> None:
    pair = Pair(world, together=together)
    pair.die_at(fault, ONE_OF_TWO)
    world.listener.start()
    pair.comes_to_rest("1")
    assert pair.project.containers() == pair.first
    ended = world.listener.deployments()[0]
    assert ended["state"] == "rolled_back"
    assert "one of 2 replicas" in ended["reason"]


@pytest.mark.parametrize(
    ("fault", "together"),
    [
        also("watch"),
        ("create:2", False),
        ("stopping:2", False),
        also("watch:2"),
        ("before-commit", False),
        also("create:1", together=True),
        also("named:2", together=True),
        also("stopping:2", together=True),
    ],
)
def test_a_good_release_gets_through_without_the_journal(
    world: World, fault: str, together: bool
) -> None:
    pair = Pair(world, together=together)
    pair.die_at(fault, "2")
    pair.lose_redis()
    world.listener.start()
    pair.comes_to_rest("2")


@pytest.mark.parametrize(
    ("fault", "together"),
    [
        also("unnamed"),
        ("clean", False),
        ("unstarted:2", False),
        # Both run by then, and nobody has looked at either.
        ("before-watch", True),
        also("unnamed:2", together=True),
        also("clean:1", together=True),
    ],
)
def test_a_sick_release_is_taken_back_without_the_journal(
    world: World, fault: str, together: bool
) -> None:
    pair = Pair(world, together=together)
    pair.die_at(fault, ONE_OF_TWO)
    pair.lose_redis()
    world.listener.start()
    # Where nothing is known of the digest any more, it is tried and taken back once more.
    wait_for(
        lambda: any(one["state"] == "rolled_back" for one in world.listener.deployments()),
        "the sick version is taken back",
        timeout=180,
    )
    pair.comes_to_rest("1")
