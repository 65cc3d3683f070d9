"""The host's part of a clone: what of a container's HostConfig is posted again.

Everything is carried, since an unknown field may matter, except what the functions here name:
fields that only echo, that the engine fills in, or that refer to other containers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from listener.drivers.mounts import carried_mounts, named_binds
from listener.drivers.names import parse_parked
from listener.drivers.networks import (
    MANY_AT_CREATE,
    interface_sysctls,
    joins_container,
    network_name,
)
from listener.drivers.snapshot import Document, Setting, Snapshot

RESIDUE = {
    *("KernelMemory", "KernelMemoryTCP", "ConsoleSize", "Isolation", "ContainerIDFile", "Cgroup"),
    *("CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"),
}
"""Withdrawn limits, and fields of Windows or of the command line that do nothing here."""

ZERO_COUNTS = {"Init", "MemorySwappiness", "StopTimeout"}
"""Fields where zero or false is a choice and only null is none."""

_ONE_HIERARCHY = ("MemorySwappiness", "OomKillDisable", "CpuRealtimePeriod", "CpuRealtimeRuntime")
"""Limits that cgroup v2 does not have; the engine refuses or discards them there."""

_REFUSED_WHEN_JOINED = {
    "PortBindings",
    "PublishAllPorts",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "Links",
}

_PATHS_ALWAYS = {
    "MaskedPaths": {"/proc/kcore", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug"},
    "ReadonlyPaths": {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
}
_PATHS_SOMETIMES = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/keys",
    "/proc/scsi",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
}
_OF_ONE_PROCESSOR = re.compile(r"/sys/devices/system/cpu/cpu\d+/thermal_throttle")


def plan_host(old: Snapshot, setting: Setting) -> tuple[dict[str, Any], list[str]]:
    """The HostConfig to post, and a sentence for each setting that this host cannot keep."""
    body: dict[str, Any] = {}
    notes = []
    for field, value in old.host.items():
        if is_lost(field, setting) and value and value != -1:
            notes.append(f"{field} is not carried: cgroup v2 has no such limit")
        kept = carried(field, value, old, setting)
        if kept or (kept is not None and field in ZERO_COUNTS):
            body[field] = kept
    # Here an empty list is a choice too: nothing of /proc is hidden or write-protected.
    body |= {name: old.host[name] for name in _PATHS_ALWAYS if chose_paths(name, old)}
    for name, entries in (("Binds", named_binds(old)), ("Mounts", carried_mounts(old))):
        if entries:
            body[name] = entries
    return body, notes


def carried(field: str, value: Any, old: Snapshot, setting: Setting) -> Any:
    """What to post of one field, None or something empty for nothing."""
    if field in RESIDUE or is_lost(field, setting) or field in _LISTED_APART:
        return None
    if field in _REFUSED_WHEN_JOINED and joins_container(old):
        return None
    rule = _RULES.get(field)
    return rule(value, old, setting) if rule else value


def is_lost(field: str, setting: Setting) -> bool:
    """Whether the host has no such limit."""
    return setting.cgroup_v2 and field in _ONE_HIERARCHY


def chose_paths(field: str, old: Snapshot) -> bool:
    """Whether masked or read-only paths are the user's, not the list that some engine had.

    The engine writes its own list into every container and lengthens it over the years; posting
    it again would pin an old, weaker one.
    """
    value = old.host.get(field)
    if value is None:
        return False
    always = _PATHS_ALWAYS[field]
    paths = {path for path in value if not _OF_ONE_PROCESSOR.fullmatch(path)}
    return not always <= paths <= always | _PATHS_SOMETIMES


def repoint(mode: str, setting: Setting) -> str:
    """A namespace mode with the other container's present id: ``container:ID``."""
    kind, colon, container = mode.partition(":")
    return f"{kind}:{setting.present(container)}" if kind == "container" and colon else mode


def lent_volumes(entries: list[str] | None, setting: Setting) -> list[str]:
    """VolumesFrom with the other containers' present names: ``NAME[:MODE]``."""
    parted = [entry.partition(":") for entry in entries or ()]
    return [f"{setting.present(name)}{colon}{mode}" for name, colon, mode in parted]


def plain_links(links: list[str] | None, setting: Setting) -> list[str]:
    """Links as one writes them, ``db:alias``, from how the engine shows them, ``/db:/me/alias``."""
    written = []
    for link in links or ():
        target, _, alias = link.partition(":")
        # A link follows its container, also to the name under which that is parked.
        parked = parse_parked(target.lstrip("/"))
        name = parked.name if parked else target.lstrip("/")
        written.append(f"{setting.present(name)}:{alias.rpartition('/')[2]}")
    return written


def restart_policy(policy: Document | None) -> dict[str, Any]:
    """A restart policy; nothing for ``no``, which has two spellings."""
    name = (policy or {}).get("Name") or "no"
    if name == "no":
        return {}
    retries = (policy or {}).get("MaximumRetryCount") if name == "on-failure" else 0
    return {"Name": name, "MaximumRetryCount": retries} if retries else {"Name": name}


def devices(entries: list[Document] | None) -> list[dict[str, Any]]:
    """Devices with their permissions written out; Podman leaves the usual ones empty."""
    return [
        {**entry, "CgroupPermissions": entry.get("CgroupPermissions") or "rwm"}
        for entry in entries or ()
    ]


def ulimits(entries: list[Document] | None) -> list[dict[str, Any]]:
    """Limits by the names that are posted; Podman 4 tells those of the kernel, RLIMIT_NOFILE."""
    return [
        {**entry, "Name": str(entry.get("Name", "")).removeprefix("RLIMIT_").lower()}
        for entry in entries or ()
    ]


def _network_mode(value: str, old: Snapshot, setting: Setting) -> str:
    if joins_container(old):
        return repoint(value, setting)
    if setting.api < MANY_AT_CREATE and value in {"", "default"}:
        return value
    # The engine looks for the network mode among the endpoints by this very text.
    return network_name(old)


def _swappiness(value: int | None, _old: Snapshot, setting: Setting) -> int | None:
    unset = value == -1 or (setting.podman and not value)
    return None if unset else value


def _sysctls(value: dict[str, str] | None, old: Snapshot, setting: Setting) -> dict[str, str]:
    moved = interface_sysctls(old, setting)
    return {name: text for name, text in (value or {}).items() if name not in moved}


_LISTED_APART = {"Binds", "Mounts", *_PATHS_ALWAYS}
_RULES: dict[str, Callable[[Any, Snapshot, Setting], Any]] = {
    "NetworkMode": _network_mode,
    "IpcMode": lambda value, _, setting: repoint(value or "", setting),
    "PidMode": lambda value, _, setting: repoint(value or "", setting),
    "VolumesFrom": lambda value, _, setting: lent_volumes(value, setting),
    "Links": lambda value, _, setting: plain_links(value, setting),
    "RestartPolicy": lambda value, *_: restart_policy(value),
    "Devices": lambda value, *_: devices(value),
    "Ulimits": lambda value, *_: ulimits(value),
    "MemorySwappiness": _swappiness,
    "Sysctls": _sysctls,
}
