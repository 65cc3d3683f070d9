"""Swarm's own rolling update: start-first, back on failure."""

from __future__ import annotations

import json
import time

from bench.peers.peer import Command
from listener.demo.app import Release
from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World

_RESTART_SECONDS = 2.0
_DONE = ("completed", "rollback_completed", "paused", "rollback_paused")


class Swarm(Command):
    """A service of one replica on a swarm of one engine, which must be the bench's own.

    Its name leads to its tasks' addresses: the other way needs IPVS, which small kernels lack.
    """

    name = "Swarm, `--update-order start-first`, rollback on failure"
    told = "`docker service update` after each push"
    middle = "start"
    engine = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        docker = world.engine.docker
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        overlay = ("--driver", "overlay", "--attachable", "--label", f"{LABEL}={world.session}")
        docker("network", "create", *overlay, self.network)

    @property
    def network(self) -> str:
        """An overlay network that the neighbour may join."""
        return f"{self.world.session}-overlay"

    def begin(self, first: Release) -> None:  # noqa: ARG002 - it is the registry's latest
        """The service has converged."""
        self.world.engine.docker(
            *("service", "create", "--name", self.host, "--network", self.network, "--quiet"),
            *("--endpoint-mode", "dnsrr", "--update-order", "start-first"),
            *("--update-failure-action", "rollback", self.world.image("web")),
        )

    def command(self) -> list[str]:
        """The client ends at once; the managers do the rest."""
        image = self.world.image("web")
        return ["docker", "service", "update", "--detach", "--quiet", "--image", image, self.host]

    def settle(self) -> None:
        """The update is done, or taken back."""
        super().settle()
        wait_for(lambda: self._state() in _DONE, "the update ends", timeout=120, every=0.2)

    def _state(self) -> str:
        said = self.world.engine.docker("service", "inspect", self.host)
        return str((json.loads(said)[0].get("UpdateStatus") or {}).get("State"))

    def kill(self) -> None:
        """What deploys is the engine itself."""
        assert self.world.engine.process
        self.world.engine.process.kill()

    def restart(self) -> None:
        """As systemd does, by Docker's own unit: two seconds later, as often as it takes."""
        wait_for(self._answers, "the engine answers", timeout=120)

    def _answers(self) -> bool:
        process = self.world.engine.process
        assert process
        if not process.alive:
            time.sleep(_RESTART_SECONDS)
            process.start()
        return self.world.engine.answers

    def end(self) -> None:
        """No swarm any more."""
        self.world.engine.docker("service", "rm", self.host)
        self.world.engine.docker("swarm", "leave", "--force")
