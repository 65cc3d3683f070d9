"""What the configuration says, checked and frozen."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from listener.config.quantities import Address, Network, RegistryHost, Size, is_name
from listener.model.base import Count, Noun, Seconds
from listener.model.target import TargetSettings

LOCAL_ENGINE = "unix:///var/run/docker.sock"
ProviderName = Literal["distribution", "dockerhub", "github", "generic"]
_REDIS = re.compile(r"(rediss?://[^/\s]+(/\S*)?|unix://(\S*@)?/\S+)")
_ENGINE = re.compile(r"(unix:///\S+|(tcp|https?)://[^/\s]+\S*)")


def _redis_url(value: str) -> str:
    # The value may carry a password, so no message quotes it.
    if not _REDIS.fullmatch(value):
        raise ValueError(
            "is not an address of Redis: write it like redis://redis:6379/0, "
            "rediss://… or unix:///run/redis.sock"
        )
    return value


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


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: give a value or remove the key")
    return value


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
EngineUrl = Annotated[str, AfterValidator(_engine_url)]
Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, AfterValidator(_not_empty)]


class Admin(Noun):
    """The port of the dashboard, the API and the metrics."""

    listen: Address = Address(host="127.0.0.1", port=8081)
    token: SecretStr | None = None


class History(Noun):
    """How much is remembered: deployments of each target, and pushes by age."""

    deployments: Count = 200
    pushes: Seconds = 7 * 86400.0


class Hook(Noun):
    """One URL that a registry calls, and how the caller proves who it is.

    Any of `tokens` and of `hmac_secrets` is taken, so that they can be rotated. `registry` is the
    only registry that the hook may speak for, and names it where the payload does not.
    """

    provider: ProviderName
    tokens: tuple[SecretStr, ...] = ()
    hmac_secrets: tuple[SecretStr, ...] = ()
    allow_cidrs: tuple[Network, ...] = ()
    unauthenticated: bool = False
    repositories: tuple[Text, ...] = ()
    registry: RegistryHost | None = None


class Registry(Noun):
    """A registry, the other names that pushes may carry for it, and how to log in."""

    aliases: tuple[RegistryHost, ...] = ()
    username: str | None = None
    password: SecretStr | None = None
    insecure: bool = False


class Contents(Noun):
    """Everything that the file may say.

    `redis` may hold a password and stays out of the repr. `scope` is whose labels count: those of
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
    shutdown_grace: Seconds = 30.0
    history: History = History()
    self_update: bool = False
    hooks: dict[str, Hook] = {}
    registries: dict[str, Registry] = {}
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
