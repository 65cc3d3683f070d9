"""A project of Docker Compose in a world: its file, `docker compose`, and its containers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World


class Project:
    """One project; every service, network and volume in it is the world's own.

    A service is called like the world's app of that name, and so is its target. Without an image
    of its own it runs the app's `latest`.
    """

    def __init__(
        self,
        world: World,
        services: Mapping[str, Mapping[str, Any]],
        *,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.world = world
        self.name = world.session
        self.directory = world.directory / "project"
        self.directory.mkdir()
        mine = {LABEL: world.session}
        self.document: dict[str, Any] = {
            "services": {
                world.name(app): self._service(app, said) for app, said in services.items()
            },
            "networks": {"default": {"labels": mine}},
            **(more or {}),
        }
        for volume in self.document.get("volumes", {}).values():
            volume["labels"] = mine

    def _service(self, app: str, said: Mapping[str, Any]) -> dict[str, Any]:
        own = {"listener.enable": "true", "listener.scope": self.world.session}
        labels = {LABEL: self.world.session, **own, **said.get("labels", {})}
        return {
            "image": self.world.image(app),
            "restart": "unless-stopped",
            "stop_grace_period": "3s",
            **said,
            "labels": labels,
        }

    def service(self, app: str) -> str:
        """What the service of an app is called."""
        return self.world.name(app)

    def compose(self, *arguments: str) -> str:
        """`docker compose ARGUMENTS` in the project's directory; raises EngineTrouble."""
        # YAML is a superset of JSON.
        (self.directory / "compose.yml").write_text(json.dumps(self.document, indent=1))
        where = ("--project-directory", str(self.directory), "--project-name", self.name)
        return self.world.engine.docker("compose", *where, *arguments, timeout=180)

    def up(self, *arguments: str) -> dict[str, str]:
        """`docker compose up -d`; answers what `containers` does."""
        self.compose("up", "--detach", *arguments)
        return self.containers()

    def containers(self) -> dict[str, str]:
        """Name -> id of every container of the project, running or not."""
        lines = self.world.engine.docker(
            *("ps", "-a", "--no-trunc", "--format", "{{.Names}}\t{{.ID}}"),
            *("--filter", f"label=com.docker.compose.project={self.name}"),
        ).splitlines()
        return dict(sorted(line.split("\t", 1) for line in lines))

    def replicas(self, app: str) -> list[str]:
        """The names of a service's containers, by their numbers."""
        start = f"{self.name}-{self.service(app)}-"
        return sorted(name for name in self.containers() if name.startswith(start))

    def versions(self, app: str) -> list[str]:
        """The version that each replica of an app runs, by their numbers."""
        return [self.version_in(name) for name in self.replicas(app)]

    def version_in(self, container: str) -> str:
        """The version that one container runs."""
        return self.world.engine.docker("exec", container, "cat", "/app/version")

    def begin(self, app: str = "web", *arguments: str) -> dict[str, str]:
        """The usual start: the project is up, the listener ready and at rest."""
        made = self.up(*arguments)
        self.world.listener.start()
        self.world.wait_late_push(app)
        return made

    def ends(self, digest: str, state: str, *, timeout: float = 240) -> dict[str, Any]:
        """Waits until a deployment of this digest has ended so, and returns it."""

        def ended() -> dict[str, Any]:
            found = [one for one in self.world.listener.deployments() if one["finished_at"]]
            return next((one for one in found if one["to_digest"] == digest), {})

        deployment = wait_for(ended, f"a deployment of {digest[:19]} ends", timeout=timeout)
        assert deployment["state"] == state, deployment["reason"]
        return deployment
