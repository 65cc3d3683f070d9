"""A container as its user wrote it, what that may refer to, and the images it is moved among."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloning import NEW_DEFAULTS, OLD_DEFAULTS, PATH

Options = list[str]
IMAGES: Mapping[str, Mapping[str, Any]] = {
    "1": OLD_DEFAULTS,
    "2": NEW_DEFAULTS,
    "bare": {"Env": [PATH], "Cmd": ["sleep", "1003"]},
    "entrypoint": {
        "Env": [PATH, "SHARED=image-4"],
        "Entrypoint": ["/bin/sleep"],
        "Cmd": ["1004"],
        "Volumes": {"/data": {}, "/own": {}},
        "ExposedPorts": {"9000/tcp": {}},
    },
    "whole": {"Env": [PATH], "Entrypoint": ["/bin/sleep", "1005"], "User": "0"},
    "unwatched": {
        "Env": [PATH, "OVERRIDDEN=image-6"],
        "Cmd": ["sleep", "1006"],
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {"own": "image-6"},
        "Shell": ["/bin/sh", "-c"],
    },
}
"""The defaults of the images among which a container is moved; no option draws one of them."""


@dataclass(frozen=True)
class Surroundings:
    """What a definition may refer to, all there before and after."""

    parent: str
    lender: str
    networks: tuple[str, str]
    network_id: str
    prefixes: tuple[str, str]
    volume: str
    directory: str
    port: int
    mac: tuple[str, ...]
    """The option for a MAC address, if this command line can tell this engine of one."""


@dataclass(frozen=True)
class Definition:
    """A container as its user wrote it, and between which images it is moved."""

    old: str
    new: str
    options: Options
    command: Options = field(default_factory=list)
    connect: Options = field(default_factory=list)
    """The words of `docker network connect` without the container, if there is one to do."""
    running: bool = False
    """Whether the old container is started, so that what only a running one has is mixed in."""
    watched: bool = False
    """Whether the new one is started as well, and what a process within it sees is compared."""

    @property
    def reversible(self) -> bool:
        """Whether nothing of it equals a default of the new image, which no swap can tell apart."""
        new = IMAGES[self.new]
        clears = "" in self.options and not new.get("Entrypoint")
        unwatched = (new.get("Healthcheck") or {}).get("Test") == ["NONE"]
        return not clears and not (unwatched and "--no-healthcheck" in self.options)
