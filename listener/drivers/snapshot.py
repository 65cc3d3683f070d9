"""What a clone is made from: a container, its image's defaults, and the engine around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
"""A JSON object of the engine's API."""

SHORT_ID = 12
"""How many characters of its id the engine takes for a container's host name and DNS name."""


class CloneError(Exception):
    """One sentence: why this container cannot be created again as its user configured it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A container as the engine shows it, and the defaults that its image gave it.

    `inspect` is the answer to GET /containers/ID/json; `image_config` is the Config of the image
    that the container was made from, found by the image's id and never by a tag, since tags move.
    None says that it is not known; `{}` is an image without defaults.
    """

    inspect: Document
    image_config: Document | None

    @property
    def short_id(self) -> str:
        """The name that the engine made from the container's id."""
        return str(self.inspect.get("Id", ""))[:SHORT_ID]

    @property
    def config(self) -> Document:
        """The container's own part: environment, command, labels, …"""
        return self.inspect.get("Config") or {}

    @property
    def host(self) -> Document:
        """The host's part: limits, binds, ports, …"""
        return self.inspect.get("HostConfig") or {}

    @property
    def endpoints(self) -> Mapping[str, Document]:
        """The networks that the container is connected to, by name."""
        return (self.inspect.get("NetworkSettings") or {}).get("Networks") or {}

    @property
    def defaults(self) -> Document:
        """The image's Config; raises CloneError where it is not known."""
        if self.image_config is None:
            raise CloneError(
                "the engine no longer knows the image that the container was made from, so what"
                " the user set cannot be told from what the image set; re-create it by hand once"
            )
        return self.image_config


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds the swap.

    `api` is the version that the engine is addressed with, `machine` the host name of its machine
    ("" where it is not known). `images` maps the old image's ids and
    platform digests to the new one's, for the label by which Compose knows its containers'
    image. `containers` maps an id or a name of another container, as the old configuration has
    it, to the id or name to write instead: its replacement, or its own name while it is parked.
    """

    api: tuple[int, int]
    machine: str = ""
    cgroup_v2: bool = False
    podman: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, str] = field(default_factory=dict)

    def present(self, container: str) -> str:
        """What another container is called now; an unknown one keeps its name."""
        return self.containers.get(container, container)
