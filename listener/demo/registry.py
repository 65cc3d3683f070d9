"""A Distribution registry of our own that notifies a hook, as its users set it up."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from listener.demo import http
from listener.demo.ports import free_port
from listener.demo.process import Process, Server, program
from listener.demo.waiting import wait_for

USER, PASSWORD = "ci", "lab-password"
# The same password as bcrypt, the only form that this registry reads.
_USER_FILE = "ci:$2b$05$abcdefghijklmnopqrstuuL/Ej5MNdcjasz4Sr7bjTMIxZn.WGpgG"


@dataclass(frozen=True)
class Notify:
    """Where a registry reports what happens to it."""

    url: str
    token: str
    ignore_pulls: bool = False


class Registry(Server):
    """docker-registry on a free port; stopping and starting it keeps its images.

    It listens at 127.0.0.1, or at an `address` that others can reach too.
    """

    def __init__(
        self,
        directory: Path,
        *,
        notify: Notify | None = None,
        login: bool = False,
        address: str = "127.0.0.1",
    ) -> None:
        self.port = free_port()
        self.host = f"{address}:{self.port}"
        self.login = login
        self.data = directory / "registry"
        self.data.mkdir(parents=True, exist_ok=True)
        file = directory / "registry.yml"
        users = directory / "registry.users"
        users.write_text(_USER_FILE + "\n")
        file.write_text(yaml.safe_dump(self._configuration(notify, users)))
        self.process = Process(
            [program("docker-registry"), "serve", str(file)], directory / "registry.log"
        )

    @property
    def auth(self) -> tuple[str, str] | None:
        """User name and password where it asks for them."""
        return (USER, PASSWORD) if self.login else None

    def start(self) -> None:
        """Starts it and returns once it answers."""
        self.process.start()

        def ready() -> bool:
            if not self.process.alive:
                raise AssertionError(f"the registry did not start: {self.process.last_words(5)}")
            return http.get(f"http://{self.host}/v2/").status in (200, 401)

        wait_for(ready, f"the registry on port {self.port} answers")

    def stop(self) -> None:
        """Ends it; its images stay for the next start."""
        self.process.stop(timeout=5)

    def forget(self, repository: str) -> None:
        """Loses a repository, as a registry does whose storage was cleaned."""
        shutil.rmtree(self.data / "docker/registry/v2/repositories" / repository)

    def requests(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of every request that it has answered."""
        lines = re.findall(r'"([A-Z]+) (\S+) HTTP/[\d.]+" (\d{3})', self.process.logs())
        return [(method, path, int(status)) for method, path, status in lines]

    def _configuration(self, notify: Notify | None, users: Path) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.data)},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.host},
        }
        if self.login:
            settings["auth"] = {"htpasswd": {"realm": "lab", "path": str(users)}}
        if notify is not None:
            endpoint: dict[str, Any] = {
                "name": "listener",
                "url": notify.url,
                "headers": {"Authorization": [f"Bearer {notify.token}"]},
                "timeout": "10s",
                "threshold": 5,
                "backoff": "1s",
            }
            if notify.ignore_pulls:
                endpoint["ignore"] = {"actions": ["pull"]}
            settings["notifications"] = {"endpoints": [endpoint]}
        return settings
