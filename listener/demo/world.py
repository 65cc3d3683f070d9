"""A whole small world: engine, registry that notifies, listener, and an app that users ask."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from listener.demo import http, ship
from listener.demo.app import PORT, Image, Release, build
from listener.demo.engine import LABEL, Engine
from listener.demo.gate import EngineGate
from listener.demo.listener import Listener
from listener.demo.ports import free_port
from listener.demo.registry import Notify, Registry
from listener.demo.waiting import wait_for

HOOK = "private"


class World:
    """Everything between a push and a user, in one directory; leaving it removes all of it.

    `settings` is laid over the listener's configuration, `targets` goes under ``targets:``.
    The listener is not started on entry, so that a test can run its containers first. `gated`
    puts a gate between it and the engine, `login` lets the registry ask for a password; it listens
    at `address`.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        login: bool = False,
        address: str = "127.0.0.1",
        gated: bool = False,
        verb: str = "run",
    ) -> None:
        self.engine = engine
        self.directory = directory
        self.session = f"lt-{secrets.token_hex(3)}"
        self.token = secrets.token_urlsafe(18)
        ports = free_port(), free_port()
        hook = f"http://127.0.0.1:{ports[0]}/hooks/{HOOK}"
        self.registry = Registry(
            directory, notify=Notify(hook, self.token), login=login, address=address
        )
        self.gate = EngineGate(engine.socket, directory) if gated else None
        account: dict[str, Any] = {"insecure": True}
        if self.registry.auth:
            account["username"], account["password"] = self.registry.auth
        filled: dict[str, Any] = {
            "engine": self.gate.url if self.gate else engine.listener_url,
            "host": self.session,
            # Other listeners on this engine, and their containers, are none of ours.
            "scope": self.session,
            "hooks": {HOOK: {"provider": "distribution", "token": self.token}},
            "registries": {self.registry.host: account},
            "defaults": {"health": {"settle": "1s"}},
            "targets": dict(targets or {}),
            **(settings or {}),
        }
        self.listener = Listener(directory, filled, verb=verb, ports=ports)

    def __enter__(self) -> World:
        with ExitStack() as undo:
            undo.callback(self.engine.clean, self.session)
            if self.gate:
                undo.enter_context(self.gate)
            undo.enter_context(self.registry)
            undo.callback(self.listener.stop)
            # Reached only when all of it stands; else what was begun is undone here.
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    # -- names ------------------------------------------------------------------------------

    def name(self, app: str) -> str:
        """The container's name, which is also the target's."""
        return f"{self.session}-{app}"

    def repository(self, app: str) -> str:
        """The repository within the registry."""
        return f"{self.session}/{app}"

    def image(self, app: str, tag: str = "latest") -> str:
        """The image as a container names it."""
        return f"{self.registry.host}/{self.repository(app)}:{tag}"

    # -- what people do ---------------------------------------------------------------------

    def build(self, release: Release) -> Image:
        """The image of a release, labelled as this world's own."""
        return build(release, {LABEL: self.session})

    def push(
        self,
        app: str,
        release: Release,
        *,
        tag: str = "latest",
        way: Literal["api", "docker", "skopeo"] = "api",
    ) -> str:
        """Pushes a release and returns its digest."""
        image, repository = self.build(release), self.repository(app)
        if way == "docker":
            return ship.docker_push(self.engine, self.registry, repository, tag, image)
        if way == "skopeo":
            return ship.skopeo_copy(self.registry, repository, tag, image)
        return ship.Api(self.registry).push(repository, tag, image)

    def run(
        self,
        app: str,
        *options: str,
        tag: str = "latest",
        image: str | None = None,
        labels: Mapping[str, str] | None = None,
        restart: str = "unless-stopped",
    ) -> str:
        """`docker run -d` of an app that is a target by its label; returns the URL of its users.

        `image` is another full name than that of the app's own image.
        """
        port = free_port()
        marked = {"listener.enable": "true", "listener.scope": self.session, **(labels or {})}
        self.engine.docker(
            *("run", "-d", "--name", self.name(app), "--restart", restart),
            *("-p", f"127.0.0.1:{port}:{PORT}"),
            *(part for key, value in marked.items() for part in ("--label", f"{key}={value}")),
            *options,
            image or self.image(app, tag),
        )
        return f"http://127.0.0.1:{port}/"

    def run_more(self, app: str, number: int, *, start: bool = True) -> None:
        """One more container of an app that is a target too; it publishes no port."""
        labels = ("--label", "listener.enable=true", "--label", f"listener.scope={self.session}")
        verb = ("run", "-d") if start else ("create",)
        self.engine.docker(*verb, "--name", self.name(f"{app}-{number}"), *labels, self.image(app))

    def begin(
        self,
        app: str = "web",
        release: Release | None = None,
        *,
        options: Sequence[str] = (),
        **run: Any,
    ) -> str:
        """The usual start: version 1 pushed, run and answering, the listener ready and at rest."""
        first = release or Release("1")
        self.push(app, first)
        url = self.run(app, *options, **run)
        self.wait_answer(url, first.version)
        self.listener.start()
        self.wait_late_push(app)
        return url

    def wait_late_push(self, app: str) -> None:
        """Waits until the push of the version that runs was delivered, and found to be running.

        The registry delivers it late, once there is a listener: so the history begins with one
        deployment that was skipped.
        """
        self.wait_target(app)
        wait_for(
            lambda: any(one["state"] == "skipped" for one in self.listener.deployments()),
            "the late push of the running version is skipped",
        )
        self.listener.quiet()
        # A version that has not proven itself is none to go back to.
        wait_for(
            lambda: self.listener.target(self.name(app))["health"] != "starting",
            "the running version has started",
        )

    # -- what people see --------------------------------------------------------------------

    def wait_answer(self, url: str, version: str, *, timeout: float = 120) -> None:
        """Returns once the app's users see this version."""
        wait_for(
            lambda: http.what_answers(url) == version, f"{url} answers {version}", timeout=timeout
        )

    def answer(self, url: str) -> str:
        """The version that the app's users see, once one answers."""
        return wait_for(lambda: http.what_answers(url), f"{url} answers")

    def wait_target(self, app: str) -> dict[str, Any]:
        """Waits until the worker has seen the target, and returns what the API shows of it."""

        def seen() -> dict[str, Any]:
            name = self.name(app)
            shown = self.listener.api("targets")["targets"]
            return next((one for one in shown if one["name"] == name and one["digest"]), {})

        return wait_for(seen, f"the worker sees {self.name(app)}")

    def container(self, app: str) -> dict[str, Any]:
        """The engine's inspect of the container under the target's own name."""
        return self.engine.inspect(self.name(app))

    def leftovers(self, app: str) -> list[str]:
        """Containers that only a running deployment may have beside the target."""
        marks = tuple(f"{self.name(app)}.{mark}-" for mark in ("new", "old", "bad"))
        return [name for name in self.engine.containers(self.session) if name.startswith(marks)]
