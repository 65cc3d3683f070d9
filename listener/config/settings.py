"""What the configuration says, checked and frozen."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from listener.config.hook import Hook
from listener.config.notifier import Notifier
from listener.config.quantities import Address, Network, RegistryHost, Size, is_name
from listener.config.redis_address import check_redis
from listener.model.base import Count, Noun, Seconds
from listener.model.target import TargetSettings

LOCAL_ENGINE = "unix:///var/run/docker.sock"
_ENGINE = re.compile(r"(unix:///\S+|(tcp|https?)://[^/\s]+\S*)")


def _engine_url(value: str) -> str:
    if not _ENGINE.fullmatch(value):
        raise ValueError(
            f"{value!r} is not an address of an engine: write it like {LOCAL_ENGINE} "
            "or tcp://docker-1:2376"
        )
    return value


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError(f"{value!r} is not a name of letters, digits, '.', '_' and '-'")
    return value


def _web_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
        raise ValueError(f"{value!r} is not an address like https://listener.example.com")
    return value


WebUrl = Annotated[str, AfterValidator(_web_url)]
RedisUrl = Annotated[str, AfterValidator(check_redis)]
EngineUrl = Annotated[str, AfterValidator(_engine_url)]
Name = Annotated[str, AfterValidator(_name)]


class Admin(Noun):
    """The port of the dashboard, the API and the metrics; `url` is how people reach it."""

    listen: Address = Address(host="127.0.0.1", port=8081)
    token: SecretStr | None = None
    url: WebUrl | None = None


class History(Noun):
    """How much is remembered: deployments of each target, and pushes by age."""

    deployments: Count = 200
    pushes: Seconds = 7 * 86400.0


class Registry(Noun):
    """A registry, the other names that pushes may carry for it, and how to log in."""

    aliases: tuple[RegistryHost, ...] = ()
    username: str | None = None
    password: SecretStr | None = None
    insecure: bool = False


class Contents(Noun):
    """Everything that the file may say.

    `redis` may hold a password and stays out of the repr. `trusted_proxies` are those whose
    ``X-Forwarded-For`` is believed. `scope` is whose labels count: those of
    containers with the same ``listener.scope``.
    """

    listen: Address = Address(host="0.0.0.0", port=8080)
    admin: Admin = Admin()
    redis: RedisUrl | None = Field(default=None, repr=False)
    state_dir: Path = Path("/var/lib/listener")
    engine: EngineUrl = LOCAL_ENGINE
    host: Name = Field(default_factory=socket.gethostname)
    scope: Name | None = None
    concurrency: Count = 4
    max_body: Size = 2**20
    trusted_proxies: tuple[Network, ...] = ()
    shutdown_grace: Seconds = 30.0
    history: History = History()
    self_update: bool = False
    hooks: dict[str, Hook] = {}
    registries: dict[str, Registry] = {}
    notify: tuple[Notifier, ...] = ()
    defaults: TargetSettings = TargetSettings()
    targets: dict[str, TargetSettings] = {}


class Settings(Contents):
    """The configuration in force.

    `targets` have the `defaults` merged in; `registries` are keyed by normal form. `source` is the
    file (None: none was found) and `files` are all files that were read, secrets among them.
    """

    source: Path | None = None
    files: tuple[Path, ...] = ()

    def aliases(self) -> dict[str, str]:
        """Every other name of a registry -> its first name, both in normal form."""
        return {
            alias: host for host, registry in self.registries.items() for alias in registry.aliases
        }
