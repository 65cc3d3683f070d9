"""Docker Compose v2: `docker compose up -d --pull always --wait`."""

from __future__ import annotations

from bench.peers.peer import Command
from lab.compose import Project
from listener.demo.app import Release
from listener.demo.world import World


class Compose(Command):
    """A project of one service."""

    name = "`docker compose up -d --pull always --wait`"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._project = Project(world, {"web": {}})

    @property
    def network(self) -> str:
        """The project's own."""
        return f"{self._project.name}_default"

    def begin(self, first: Release) -> None:  # noqa: ARG002 - it is the registry's latest
        """The project is up."""
        self._project.up("--wait")

    def command(self) -> list[str]:
        """As its users write it into their CI."""
        where = ("--project-directory", str(self._project.directory))
        up = ("up", "--detach", "--pull", "always", "--wait")
        return ["docker", "compose", *where, "--project-name", self._project.name, *up]
