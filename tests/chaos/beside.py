"""The scene of a kill where two containers run at once: clients on the network watch it too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.neighbour import Neighbour
from listener.demo import http
from listener.demo.app import PORT, Release
from listener.demo.engine import LABEL
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.chaos.scene import APP, Scene

ALIAS = "shop"


class Beside(Scene):
    """Version 1 with a strategy of two at once; clients find it by its name and by an alias.

    It is on a second network too, under another alias; with warm it publishes a port. `labels` are
    further ones of the target. What its commands write to ``/mounted`` is in `folder`.
    """

    def __init__(
        self, world: World, strategy: str, labels: Mapping[str, str] | None = None
    ) -> None:
        self.folder = world.directory / "mounted"
        self.folder.mkdir()
        self._labels = {"listener.strategy": strategy, **(labels or {})}
        self._port = free_port() if strategy == "warm" else None
        super().__init__(world)

    def begin(self, options: Sequence[str], restart: str) -> str:
        """Runs version 1 on both networks, a neighbour, and the listener."""
        world = self.world
        name, other = world.name(APP), f"{world.session}-other"
        docker = world.engine.docker
        world.push(APP, Release("1"))
        docker("network", "create", "--label", f"{LABEL}={world.session}", other)
        marked = {"listener.enable": "true", "listener.scope": world.session, **self._labels}
        if self._port:
            options = (*options, "-p", f"127.0.0.1:{self._port}:{PORT}")
        docker(
            *("create", "--name", name, "--restart", restart, "--network-alias", ALIAS),
            *("-v", f"{self.folder}:/mounted"),
            *(part for key, value in marked.items() for part in ("--label", f"{key}={value}")),
            *options,
            world.image(APP),
        )
        docker("network", "connect", "--alias", "second", other, name)
        docker("start", name)
        self._neighbour = Neighbour(world.engine, self.network, world.session)
        self.url = f"http://127.0.0.1:{self._port}/" if self._port else ""
        self.wait_answer("1")
        wait_for(
            lambda: world.container(APP)["State"]["Health"]["Status"] == "healthy", "it is healthy"
        )
        world.listener.start()
        world.wait_late_push(APP)
        return self.url

    def wait_answer(self, version: str, *, timeout: float = 30) -> None:
        """Returns once users see this version in every way that they have."""
        wait_for(
            lambda: self._seen() == {version},
            f"everybody sees {version}",
            timeout=timeout,
            every=0.5,
        )

    def _seen(self) -> set[str | None]:
        seen = {self._neighbour.asks(name) for name in (ALIAS, self.world.name(APP))}
        return {*seen, http.what_answers(self.url)} if self.url else seen

    def lines(self, file: str) -> list[str]:
        """What the target's commands wrote to a file of `folder`."""
        written = self.folder / file
        return written.read_text().splitlines() if written.exists() else []
