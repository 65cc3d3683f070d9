"""A service of a swarm as its managers show it, and the spec that updates it: pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from listener.drivers.tags import split_tag
from listener.model.reference import is_digest

Document = Mapping[str, Any]
Order = Literal["start-first", "stop-first"]

_NANOSECONDS = 1_000_000_000
_DEFAULT_MONITOR = 5.0
_DEFAULT_GRACE = 10.0
_ENDED = ("failed", "rejected", "complete")


@dataclass(frozen=True, slots=True)
class Task:
    """One task: `state` is where it is, `desired` where it shall be; times are the manager's."""

    inspect: Document

    @property
    def id(self) -> str:
        return str(self.inspect["ID"])

    @property
    def image(self) -> str:
        return image_of(self.inspect.get("Spec") or {})

    @property
    def node(self) -> str:
        """The id of its node; empty where it has none yet."""
        return str(self.inspect.get("NodeID") or "")

    @property
    def state(self) -> str:
        return str(self._status.get("State", ""))

    @property
    def desired(self) -> str:
        return str(self.inspect.get("DesiredState", ""))

    @property
    def created(self) -> str:
        return str(self.inspect.get("CreatedAt", ""))

    @property
    def error(self) -> str:
        """Swarm's own words on what is wrong with it."""
        return str(self._status.get("Err") or "")

    @property
    def exit_code(self) -> int:
        return int((self._status.get("ContainerStatus") or {}).get("ExitCode") or 0)

    @property
    def container(self) -> str:
        return str((self._status.get("ContainerStatus") or {}).get("ContainerID") or "")

    @property
    def runs(self) -> bool:
        """Whether it runs; one with a HEALTHCHECK is `starting` until it is healthy."""
        return self.desired == "running" and self.state == "running"

    @property
    def ended(self) -> bool:
        """Whether it ended by itself; one that was told to stop is `shutdown`."""
        return self.state in _ENDED

    def name(self, service: str, nodes: Mapping[str, str]) -> str:
        """As ``docker service ps`` and people call it."""
        slot = self.inspect.get("Slot")
        node = nodes.get(self.node, self.node)
        where = f" on {node}" if node else ""
        return f"task {service}{f'.{slot}' if slot else ''}{where}"

    @property
    def _status(self) -> Document:
        found: Document = self.inspect.get("Status") or {}
        return found


@dataclass(frozen=True, slots=True)
class Service:
    """A service as the API shows it."""

    inspect: Document

    @property
    def id(self) -> str:
        return str(self.inspect["ID"])

    @property
    def spec(self) -> Document:
        found: Document = self.inspect["Spec"]
        return found

    @property
    def name(self) -> str:
        return str(self.spec["Name"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Those of the service itself, not of its containers."""
        return self.spec.get("Labels") or {}

    @property
    def image(self) -> str:
        return image_of(self.spec["TaskTemplate"])

    @property
    def previous_image(self) -> str:
        """What the previous spec runs; empty where there is none."""
        previous = self.inspect.get("PreviousSpec") or {}
        return image_of(previous.get("TaskTemplate") or {})

    @property
    def digest(self) -> str | None:
        digest = self.image.partition("@")[2]
        return digest if is_digest(digest) else None

    @property
    def kind(self) -> str:
        """``Replicated``, ``Global``, or a kind of job."""
        return next(iter(self.spec.get("Mode") or {}), "Replicated")

    @property
    def replicas(self) -> int | None:
        """How many tasks shall run; None where the nodes decide."""
        mode = (self.spec.get("Mode") or {}).get("Replicated")
        return None if mode is None else int(mode.get("Replicas", 1))

    @property
    def status(self) -> str:
        """How far the last update is: empty, ``updating``, ``paused``, ``rollback_started``, …"""
        return str((self.inspect.get("UpdateStatus") or {}).get("State") or "")

    @property
    def update_began(self) -> str:
        """When the last update began, by the manager's clock; empty where that is unknown."""
        return str((self.inspect.get("UpdateStatus") or {}).get("StartedAt") or "")

    @property
    def message(self) -> str:
        return str((self.inspect.get("UpdateStatus") or {}).get("Message") or "")

    @property
    def update(self) -> Update:
        return Update(self.spec.get("UpdateConfig") or {}, self.spec["TaskTemplate"])

    @property
    def container(self) -> Document:
        found: Document = self.spec["TaskTemplate"].get("ContainerSpec") or {}
        return found


@dataclass(frozen=True, slots=True)
class Update:
    """How Swarm updates a service; times are seconds."""

    config: Document
    template: Document

    @property
    def parallelism(self) -> int:
        """How many tasks at once; 0: all."""
        return int(self.config.get("Parallelism", 1))

    @property
    def order(self) -> Order:
        return "start-first" if self.config.get("Order") == "start-first" else "stop-first"

    @property
    def monitor(self) -> float:
        seconds = self.config.get("Monitor")
        return _DEFAULT_MONITOR if seconds is None else float(seconds) / _NANOSECONDS

    @property
    def failure_action(self) -> str:
        return str(self.config.get("FailureAction") or "pause")

    @property
    def between(self) -> float:
        """How long it may be from one task that runs to the start of the next one."""
        stop = 0.0
        if self.order == "stop-first":
            container = self.template.get("ContainerSpec") or {}
            grace = container.get("StopGracePeriod")
            stop = _DEFAULT_GRACE if grace is None else grace / _NANOSECONDS
        return float(self.config.get("Delay") or 0) / _NANOSECONDS + self.monitor + stop


def manages(info: Document) -> bool:
    """Whether an engine, by its info, is a manager of a swarm."""
    return bool((info.get("Swarm") or {}).get("ControlAvailable"))


def image_of(template: Document) -> str:
    """The image that a task or a task template names."""
    return str((template.get("ContainerSpec") or {}).get("Image") or "")


def image_name(spelling: str, tag: str | None, digest: str) -> str:
    """``repo:tag@digest``: with it all nodes run the same, whatever the tag means by then."""
    name = spelling.partition("@")[0]
    repository, _ = split_tag(name)
    return f"{repository}:{tag}@{digest}" if tag else f"{repository}@{digest}"


def with_image(spec: Document, image: str, platforms: Sequence[Document] | None) -> dict[str, Any]:
    """The spec with another image and nothing else changed.

    `platforms` are those that the image is made for, which Swarm places tasks by; None: unknown,
    then those of the image before stay.
    """
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    template = changed["TaskTemplate"]
    template["ContainerSpec"]["Image"] = image
    if platforms is not None:
        template.setdefault("Placement", {})["Platforms"] = [dict(one) for one in platforms]
    return changed


def platforms_of(distribution: Document) -> list[dict[str, str]] | None:
    """What the registry says an image is made for, as Swarm's placement has it."""
    found = []
    for one in distribution.get("Platforms") or ():
        architecture = str(one.get("architecture", ""))
        if architecture in ("", "unknown"):
            continue  # an attestation beside the images, or nothing that tells
        # Nodes call their 32-bit ARM armv6l or armv7l, which no image does.
        told = "" if architecture == "arm" else architecture
        found.append({"Architecture": told, "OS": str(one.get("os", ""))})
    return found or None
