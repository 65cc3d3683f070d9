"""What a deployment would do, as sentences for people: pure.

Names alone are told, never values: environment and labels hold secrets, and whoever may read the
history of deployments may read this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from listener.drivers.clone import Clone, chosen_environment, chosen_labels, chosen_ports
from listener.drivers.snapshot import Document, Setting, Snapshot
from listener.model.journal import NewContainer, OldContainer
from listener.model.target import Strategy, TargetSettings

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_LIMITS = re.compile(r"Memory.*|Cpu.*|NanoCpus|Blkio.*|PidsLimit|Ulimits|Oom.*|Device.*Bps|.*IOps")
_TOLD_APART = {
    *("Image", "Env", "Labels", "ExposedPorts", "HostConfig", "NetworkingConfig"),
    *("PortBindings", "Binds", "Mounts", "Tmpfs"),
}
# The engine writes these into every container; that they are kept tells nothing.
_ALWAYS_THERE = {"NetworkMode", "IpcMode", "CgroupnsMode", "Runtime", "ShmSize", "LogConfig"}
_OF_IMAGE = ("Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "Healthcheck")


@dataclass(frozen=True, slots=True)
class Preview:
    """All that is known before anything is changed.

    `image` is the Config of the new image, None where it is not on the engine yet. `dependents`
    are the names of the containers that would be created again with it, `copies` the files that
    would be copied from the old container, `uncopied` sentences on what would not. Of the same
    service, `fellows` are the containers that would be replaced together with it and `pending`
    those that would follow. `neighbours` are those that Compose restarts with it.
    """

    strategy: Strategy
    because: str
    old: OldContainer
    new: NewContainer
    clone: Clone
    setting: Setting
    settings: TargetSettings
    image: Document | None
    dependents: Sequence[str] = ()
    copies: Sequence[str] = ()
    uncopied: Sequence[str] = ()
    fellows: Sequence[str] = ()
    pending: Sequence[str] = ()
    neighbours: Sequence[str] = ()

    def sentences(self) -> tuple[str, ...]:
        """The plan, a sentence each, in the order in which people ask."""
        old = Snapshot(self.old.inspect, self.old.image_config)
        return (
            f"strategy {self.strategy}: {self.because}",
            f"image: {self.old.inspect['Config']['Image']} -> {self.new.reference}",
            f"digest: {self.old.digest or self.old.image_id} -> {self.new.digest}",
            *(f"keeps {what}: {names}" for what, names in self._kept(old) if names),
            *self._image_defaults(old),
            *self.clone.notes,
            *self.uncopied,
            *self._around(),
        )

    def _kept(self, old: Snapshot) -> Iterator[tuple[str, str]]:
        body = self.clone.body
        host = body["HostConfig"]
        names = [*(body.keys() - _TOLD_APART), *(host.keys() - _TOLD_APART - _ALWAYS_THERE)]
        yield "environment", _listed(_keys(chosen_environment(old)))
        yield "labels", _listed(chosen_labels(old, self.setting))
        yield "mounts", _listed(_mounts(old))
        yield "ports", ", ".join(_ports(host.get("PortBindings") or {}))
        yield "networks", ", ".join(_networks(self.clone))
        yield "limits", _listed(name for name in names if _LIMITS.fullmatch(name))
        yield "settings", _listed(name for name in names if not _LIMITS.fullmatch(name))
        yield "files that were copied into it", _listed(self.copies)

    def _image_defaults(self, old: Snapshot) -> Iterator[str]:
        """What is not the user's and so gives way to the new image's own."""
        before = old.defaults
        mine = _keys(chosen_environment(old))
        own = {
            "environment": (_by_key(before.get("Env")), mine),
            "labels": (before.get("Labels") or {}, chosen_labels(old, self.setting)),
            "exposed ports": (before.get("ExposedPorts") or {}, chosen_ports(old)),
            "volumes": (before.get("Volumes") or {}, {}),
            "settings": (_set_fields(before), self.clone.body),
        }
        if self.image is None:
            yield "the new image is not on this engine yet: it would be pulled"
            for what, (values, kept) in own.items():
                if names := _listed(values.keys() - set(kept)):
                    yield f"takes {what} from the new image: {names}"
            return
        after = {
            "environment": _by_key(self.image.get("Env")),
            "labels": self.image.get("Labels") or {},
            "exposed ports": self.image.get("ExposedPorts") or {},
            "volumes": self.image.get("Volumes") or {},
            "settings": _set_fields(self.image),
        }
        for what, (values, kept) in own.items():
            yield from _differences(what, values, after[what], set(kept))

    def _around(self) -> Iterator[str]:
        if not self.old.was_running:
            yield "it does not run, and would stay stopped"
            return
        settings, hooks = self.settings, self.settings.lifecycle
        if settings.preflight:
            yield "before the swap: a twin of the new image has to be healthy"
        if settings.release:
            yield f"before the swap, in the new image: {' '.join(settings.release)}"
        if hooks.before_stop:
            yield f"in the old container, before its stop: {' '.join(hooks.before_stop)}"
        if hooks.after_start:
            yield f"in the new container, once it is healthy: {' '.join(hooks.after_start)}"
        if self.dependents:
            yield f"created again with it, since they live off it: {_listed(self.dependents)}"
        if self.neighbours:
            yield f"restarted with it, as depends_on says: {_listed(self.neighbours)}"
        if self.fellows:
            yield f"replaced together with it: {', '.join(self.fellows)}"
        if self.pending:
            many = self.settings.parallelism
            pace = "one after the other" if many == 1 else f"{many} at a time"
            yield f"then, {pace}: {', '.join(self.pending)}"


def _differences(
    what: str, before: Mapping[str, Any], after: Mapping[str, Any], kept: set[str]
) -> Iterator[str]:
    here, there = before.keys() - kept, after.keys() - kept
    parts = {
        "changes": (name for name in here & there if before[name] != after[name]),
        "adds": there - here,
        "takes away": here - there,
    }
    for verb, names in parts.items():
        if listed := _listed(names):
            yield f"the new image {verb} {what}: {listed}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _keys(entries: Iterable[str]) -> set[str]:
    return {entry.partition("=")[0] for entry in entries}


def _by_key(entries: list[str] | None) -> dict[str, str]:
    return {entry.partition("=")[0]: entry for entry in entries or ()}


def _set_fields(config: Document) -> dict[str, Any]:
    return {name: config[name] for name in _OF_IMAGE if config.get(name)}


def _mounts(old: Snapshot) -> Iterator[str]:
    for point in old.inspect.get("Mounts") or ():
        kind, name = str(point.get("Type")), str(point.get("Name") or "")
        if kind == "volume":
            kind = "anonymous volume" if _ANONYMOUS.fullmatch(name) else f"volume {name}"
        yield f"{point['Destination']} ({kind})"
    yield from (f"{path} (tmpfs)" for path in old.host.get("Tmpfs") or ())


def _ports(bindings: Mapping[str, Any]) -> Iterator[str]:
    for port in sorted(bindings):
        for binding in bindings[port] or ():
            address = binding.get("HostIp") or ""
            where = f"{address}:" if address else ""
            yield f"{where}{binding.get('HostPort') or 'any'}->{port}"


def _networks(clone: Clone) -> Iterator[str]:
    at_create = (clone.body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    for name, endpoint in {**at_create, **clone.networks}.items():
        aliases = endpoint.get("Aliases")
        yield f"{name} (aliases {', '.join(aliases)})" if aliases else name
