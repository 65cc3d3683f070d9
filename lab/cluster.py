"""A world whose apps are services of a swarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.swarm import Swarm
from listener.demo.app import Release
from listener.demo.engine import Engine
from listener.demo.listener import Listener
from listener.demo.ports import free_port
from listener.demo.registry import PASSWORD, USER
from listener.demo.waiting import wait_for
from listener.demo.world import World

# Health is the service's own, so that it is known wherever the image is. A machine that is busy
# with other tests must not make a good release look sick.
_HEALTH = (
    *("--health-cmd", "/app/check", "--health-interval", "1s", "--health-retries", "2"),
    *("--health-timeout", "30s"),
)
_UPDATE = (
    *("--update-monitor", "1s", "--update-parallelism", "0", "--stop-grace-period", "2s"),
    *("--rollback-monitor", "1s", "--rollback-parallelism", "0"),
)


class Cluster(World):
    """On the first two nodes of a swarm, with a registry that asks for a password."""

    def __init__(self, swarm: Swarm, directory: Path, **options: Any) -> None:
        self.swarm = swarm
        first = swarm.hosts[0]
        super().__init__(first, directory, login=True, address=swarm.address, **options)

    def __enter__(self) -> Cluster:
        super().__enter__()
        self._undo.callback(self._remove_services)
        return self

    def create(self, app: str, *options: str, replicas: int | None = 2) -> None:
        """`docker service create` of an app, on two nodes where `replicas` is 2 or None (global).

        It is a target by its label; returns once it runs.
        """
        self.swarm.docker("login", "-u", USER, "-p", PASSWORD, self.registry.host)
        count = ("--mode", "global") if replicas is None else ("--replicas", str(replicas))
        spread = ("--replicas-max-per-node", "1") if replicas else ()
        third = self.swarm.hosts[2].name
        self.swarm.docker(
            *("service", "create", "--name", self.name(app), "--with-registry-auth", "--detach"),
            *("--label", "listener.enable=true", "--label", f"listener.scope={self.session}"),
            *("--endpoint-mode", "dnsrr", "--restart-delay", "500ms", *count, *spread),
            *("--constraint", f"node.hostname!={third}", *_HEALTH, *_UPDATE, *options),
            self.image(app),
        )
        wait_for(lambda: self.settled(app), f"{app} runs", timeout=120)

    def first_release(self, app: str, *options: str, replicas: int | None = 2) -> str:
        """Pushes version 1 and makes a service of it; returns its digest."""
        digest = self.push(app, Release("1"))
        self.create(app, *options, replicas=replicas)
        return digest

    def settled(self, app: str) -> bool:
        """Whether as many tasks run as shall."""
        running, wanted = self.counts(app)
        return running == wanted

    def counts(self, app: str) -> tuple[int, int]:
        """How many tasks run, and how many shall."""
        listed = self.swarm.docker(
            *("service", "ls", "--filter", f"name={self.name(app)}", "--format", "{{.Replicas}}")
        )
        running, wanted = listed.split()[0].split("/")
        return int(running), int(wanted)

    def runs(self, app: str) -> list[tuple[str, str]]:
        """(node, digest) of all containers of a service that run, by their own engines' word."""
        told = self.swarm.images(self.name(app))
        return [(node, image.partition("@")[2]) for node, image in told]

    def on_two_nodes(self, app: str, digest: str) -> bool:
        """Whether the first two nodes run this digest, and nothing else of the service runs."""
        wanted = [(node.name, digest) for node in self.swarm.hosts[:2]]
        return sorted(self.runs(app)) == sorted(wanted)

    def standby(self, engine: Engine) -> Listener:
        """One more worker of the same installation, at another manager; not started."""
        settings = self.listener.settings | {"engine": engine.url, "host": f"{self.session}-2"}
        for key in ("listen", "admin", "state_dir"):
            settings.pop(key)
        ports = free_port(), free_port()
        return Listener(self.directory / "standby", settings, verb="work", ports=ports)

    def _remove_services(self) -> None:
        mine = ("--filter", f"name={self.session}")
        names = self.swarm.docker("service", "ls", "-q", *mine).split()
        if names:
            self.swarm.docker("service", "rm", *names)
            wait_for(
                lambda: (
                    not any(
                        node.docker("ps", "-q", *mine) for node in self.swarm.hosts if node.answers
                    )
                ),
                "the tasks are gone",
                timeout=60,
            )
