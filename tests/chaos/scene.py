"""The scene of every kill: an app with a volume and a network of its own, and what must hold."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from typing import Any

from listener.demo.app import Behaviour, Release
from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World
from listener.drivers.hostconfig import restart_policy
from listener.drivers.names import WARM

APP = "web"


class Scene:
    """Version 1 runs, users ask it, the listener is at rest."""

    def __init__(
        self, world: World, *, restart: str = "unless-stopped", options: Sequence[str] = ()
    ) -> None:
        self.world = world
        self.network = f"{world.session}-net"
        self.volume = f"{world.session}-data"
        for kind, name in (("network", self.network), ("volume", self.volume)):
            world.engine.docker(kind, "create", "--label", f"{LABEL}={world.session}", name)
        given = ("--network", self.network, "-v", f"{self.volume}:/data", *options)
        self.url = self.begin(given, restart)
        self._inside("echo kept > /data/file")
        self.first = world.container(APP)

    def begin(self, options: Sequence[str], restart: str) -> str:
        """Runs version 1 and the listener; returns the URL of its users."""
        return self.world.begin(APP, options=options, restart=restart)

    def push(self, version: str, behaviour: Behaviour = Behaviour.GOOD, *, seconds: int = 2) -> str:
        """Pushes a version and returns its digest."""
        return self.world.push(APP, Release(version, behaviour, seconds))

    def die_at(
        self, fault: str, version: str, behaviour: Behaviour = Behaviour.GOOD, *, seconds: int = 2
    ) -> None:
        """Pushes a version to a listener that kills itself at this point, and waits for that."""
        self.world.listener.stop()
        self.world.listener.start(fault=fault)
        self.world.wait_target(APP)
        self.push(version, behaviour, seconds=seconds)
        wait_for(
            lambda: not self.world.listener.alive, f"the listener dies at {fault}", timeout=120
        )
        assert self.world.listener.wait() == -signal.SIGKILL

    def lose_redis(self) -> None:
        """Deletes all that the embedded Redis wrote."""
        self.world.listener.kill(redis=True)
        shutil.rmtree(self.world.directory / "state")

    def comes_to_rest(self, version: str) -> list[dict[str, Any]]:
        """Waits until nothing is under way, and asserts that all is as it must be.

        Exactly one container under the target's own name answers this version, with its own
        restart policy, network and volume; nothing is left over; the local tag means what runs;
        every deployment has ended. Returns the deployments.
        """
        world = self.world
        world.wait_target(APP)
        self.wait_answer(version, timeout=90)
        wait_for(lambda: not world.leftovers(APP), "nothing is left over", timeout=60)
        wait_for(
            lambda: world.listener.target(world.name(APP))["state"] == "idle", "the target is idle"
        )
        history = world.listener.quiet()
        self.wait_answer(version)
        after = world.container(APP)
        assert after["State"]["Running"]
        beside = world.engine.containers(world.session)
        named = world.name(APP)
        running = [name for name, state in beside.items() if state == "running"]
        assert [name for name in running if name.startswith(named)] == [named]
        assert ports(after) == ports(self.first)
        assert policy(after) == policy(self.first)
        assert endpoints(after) == endpoints(self.first)
        assert mounts(after) == mounts(self.first)
        assert self._inside("cat /data/file") == "kept"
        tagged = world.engine.docker("image", "inspect", "--format", "{{.Id}}", world.image(APP))
        assert tagged.strip() == after["Image"]
        assert all(one["reason"] for one in history)
        of = f"label={WARM}={world.name(APP)}"
        assert world.engine.docker("network", "ls", "-q", "--filter", of) == ""
        return history

    def wait_answer(self, version: str, *, timeout: float = 30) -> None:
        """Returns once users see this version."""
        self.world.wait_answer(self.url, version, timeout=timeout)

    def _inside(self, script: str) -> str:
        """Runs a line of shell in the container that bears the target's name."""
        return self.world.engine.docker("exec", self.world.name(APP), "sh", "-c", script)

    def same_container(self) -> bool:
        """Whether the container that ran at first runs now: it, not a copy."""
        return bool(self.world.container(APP)["Id"] == self.first["Id"])


def policy(inspect: dict[str, Any]) -> dict[str, Any]:
    """The restart policy; none has two spellings."""
    return restart_policy(inspect["HostConfig"]["RestartPolicy"])


def mounts(inspect: dict[str, Any]) -> list[dict[str, Any]]:
    """What is mounted, by its place: the engine lists mounts in no order."""
    return sorted(inspect["Mounts"], key=lambda mount: str(mount["Destination"]))


def endpoints(inspect: dict[str, Any]) -> dict[str, set[str]]:
    """The networks and the aliases on each, without the one that the engine made of the id."""
    found = inspect["NetworkSettings"]["Networks"]
    own = {inspect["Id"][:12]}
    return {name: set(endpoint["Aliases"] or ()) - own for name, endpoint in found.items()}


def ports(inspect: dict[str, Any]) -> dict[str, Any]:
    """The ports that a container asks for."""
    asked: dict[str, Any] | None = inspect["HostConfig"]["PortBindings"]
    return asked or {}
