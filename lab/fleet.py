"""A receiver, Redis and a registry for several hosts, each with a worker and the same app."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from lab.hosts import Host, Hosts
from lab.redis_server import RedisServer
from lab.sentinels import Sentineled
from listener.demo import http, ship
from listener.demo.app import PORT, Check, Release, build
from listener.demo.engine import LABEL
from listener.demo.listener import FINAL, Listener
from listener.demo.ports import free_port
from listener.demo.registry import Notify, Registry
from listener.demo.waiting import wait_for

APP = "web"
NAMES = ("a", "b", "c")


class Fleet:
    """Host -> worker and app, by the names a, b, c; leaving it ends and removes all of it.

    Nothing but Redis is shared. The app is a target by its labels, and `labels` has more of them.
    """

    def __init__(
        self,
        hosts: Hosts,
        directory: Path,
        labels: Mapping[str, str],
        redis: RedisServer | Sentineled | None = None,
    ) -> None:
        """With a Redis of its own unless there is one that listens at the hosts' address."""
        self.session = f"lf-{secrets.token_hex(3)}"
        self.hosts: dict[str, Host] = dict(zip(NAMES, hosts.hosts, strict=True))
        self.labels = dict(labels)
        ports = free_port(), free_port()
        token = secrets.token_urlsafe(18)
        hook = f"http://127.0.0.1:{ports[0]}/hooks/private"
        self.registry = Registry(directory, notify=Notify(hook, token), address=hosts.address)
        self.redis = redis or RedisServer(directory, address=hosts.address)
        shared: dict[str, Any] = {
            "redis": self.redis.url,
            "scope": self.session,
            "registries": {self.registry.host: {"insecure": True}},
        }
        hooks = {"private": {"provider": "distribution", "token": token}}
        self.serve = Listener(
            directory / "serve", {**shared, "hooks": hooks}, verb="serve", ports=ports
        )
        self.workers = {
            name: Listener(
                directory / name,
                {
                    **shared,
                    "host": name,
                    "engine": host.url,
                    "defaults": {"health": {"settle": "1s"}},
                },
                verb="work",
                inside=host.inside,
            )
            for name, host in self.hosts.items()
        }

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            for host in self.hosts.values():
                undo.callback(host.clean, self.session)
            undo.enter_context(self.registry)
            undo.enter_context(self.redis)
            for one in (self.serve, *self.workers.values()):
                undo.callback(one.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def push(self, release: Release) -> str:
        """Pushes a release and returns its digest."""
        image = build(release, {LABEL: self.session})
        return ship.Api(self.registry).push(f"{self.session}/{APP}", "latest", image)

    def begin(self, *, more: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Version 1 runs on all hosts, all workers are there and have nothing to do.

        `more` has labels for the app of single hosts.
        """
        self.push(Release("1", check=Check(timeout=10, start_period=20)))
        for name, host in self.hosts.items():
            labels = {
                "listener.enable": "true",
                "listener.scope": self.session,
                **self.labels,
                **(more or {}).get(name, {}),
            }
            host.docker(
                *("run", "-d", "--name", APP, "-p", f"{PORT}:{PORT}"),
                *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
                f"{self.registry.host}/{self.session}/{APP}:latest",
            )
        self.serve.start()
        self.start(*NAMES)
        wait_for(lambda: len(self.deployments()) == len(NAMES), "all have seen the first push")
        self.quiet()
        wait_for(
            lambda: all(one["health"] == "healthy" for one in self.targets()), "all are healthy"
        )

    def start(self, *names: str, fault: str | None = None) -> None:
        """Starts workers; returns once they are alive, or with a `fault` at once."""
        for name in names:
            self.workers[name].start(ready=False, fault=fault)
        if fault is None:
            wait_for(lambda: set(names) <= self.alive(), f"{', '.join(names)} live", timeout=60)

    def alive(self) -> set[str]:
        """The hosts that are alive, as the API shows it."""
        return {host["name"] for host in self.serve.api("hosts")["hosts"] if host["alive"]}

    def targets(self) -> list[dict[str, Any]]:
        """The app on each host, as the API shows it."""
        shown: list[dict[str, Any]] = self.serve.api("targets")["targets"]
        return shown

    def deployments(self, *names: str) -> list[dict[str, Any]]:
        """Those of some hosts, or of all, oldest first."""
        found = self.serve.deployments()[::-1]
        return [one for one in found if not names or one["host"] in names]

    def of(self, digest: str, name: str) -> dict[str, Any]:
        """The one deployment of a digest on a host, which must have ended."""
        found = [one for one in self.deployments(name) if one["to_digest"] == digest]
        if len(found) != 1 or found[0]["state"] not in FINAL:
            raise AssertionError(f"not one that ended on {name}: {found}")
        return found[0]

    def wait_ended(self, digest: str, names: Sequence[str] = NAMES, timeout: float = 120) -> None:
        """Waits until a digest has ended on hosts."""

        def ended() -> bool:
            there = {
                one["host"]
                for one in self.deployments()
                if one["to_digest"] == digest and one["state"] in FINAL
            }
            return set(names) <= there

        try:
            wait_for(ended, f"{digest[:19]} ends on {', '.join(names)}", timeout=timeout)
        except AssertionError as late:
            seen = [(one["host"], one["state"], one["to_digest"]) for one in self.deployments()]
            raise AssertionError(f"{late}: {seen}") from None

    def quiet(self) -> None:
        """Waits until every deployment has ended."""
        self.serve.quiet(timeout=120)

    def answers(self) -> dict[str, str | None]:
        """What the users of the app see on each host."""
        return {
            name: http.what_answers(f"http://{host.address}:{PORT}/")
            for name, host in self.hosts.items()
        }

    def wait_answers(self, wanted: Mapping[str, str]) -> None:
        """Returns once the users of these hosts see these versions."""
        wait_for(lambda: wanted.items() <= self.answers().items(), f"the users see {dict(wanted)}")

    def leftovers(self) -> list[str]:
        """Containers that stand beside the app where nothing is under way."""
        return [
            f"{one}@{name}"
            for name, host in self.hosts.items()
            for one in host.containers(self.session)
            if one.startswith(f"{APP}.")
        ]
