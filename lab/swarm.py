"""A real swarm: the engines of several hosts, all of them managers. Needs root."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from typing import Any

from lab.hosts import Host, Hosts
from listener.demo.engine import EngineTrouble
from listener.demo.waiting import wait_for


class Swarm(Hosts):
    """`size` engines that are one swarm; leaving it ends them and removes their files."""

    def start(self) -> None:
        """Starts the engines and joins them."""
        super().start()
        first, *others = self.hosts
        first.docker("swarm", "init", "--advertise-addr", first.address)
        token = first.docker("swarm", "join-token", "-q", "manager")
        for host in others:
            host.docker(
                *("swarm", "join", "--token", token, "--advertise-addr", host.address),
                f"{first.address}:2377",
            )

    def docker(self, *arguments: str) -> str:
        """`docker ARGUMENTS` at the first manager whose engine runs."""
        alive = next(host for host in self.hosts if host.process and host.process.alive)
        return alive.docker(*arguments)

    def service(self, name: str) -> dict[str, Any]:
        """A manager's whole answer about one service."""
        found: list[dict[str, Any]] = json.loads(self.docker("service", "inspect", name))
        return found[0]

    def images(self, service: str) -> list[tuple[str, str]]:
        """(host, image) of every task of a service that runs now, as its own engine has it."""
        found = []
        for host in self.hosts:
            mine = f"label=com.docker.swarm.service.name={service}"
            if host.process is None or not host.process.alive:
                continue
            for container in host.docker("ps", "-q", "--filter", mine).split():
                # One may be gone since it was listed.
                with suppress(EngineTrouble):
                    found.append((host.name, str(host.inspect(container)["Config"]["Image"])))
        return found

    def kill(self, host: Host) -> None:
        """SIGKILL to an engine, as if its machine had lost its power; its containers go on."""
        if host.process is not None:
            host.process.kill()

    def bring_back(self, host: Host) -> None:
        """Starts an engine that was killed; returns once the swarm has the node again."""
        host.start()
        wait_for(partial(getattr, host, "answers"), f"{host.name} answers", timeout=90)
        other = next(one for one in self.hosts if one is not host)

        def ready() -> bool:
            status = other.docker("node", "inspect", "--format", "{{.Status.State}}", host.name)
            return status == "ready"

        wait_for(ready, f"{host.name} is ready", timeout=60, forgive=(OSError, EngineTrouble))
