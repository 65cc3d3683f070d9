"""What a container is, without all that an engine gives it: the same for two that are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from listener.drivers.mounts import normal_path
from listener.drivers.snapshot import Snapshot

UNNAMED = re.compile(r"[0-9a-f]{64}")
"""The name of a volume that nobody named, and the id of a container."""


def unnamed_volumes(of: Snapshot) -> dict[str, str]:
    """Target -> name of the volumes without a name of the user's."""
    return {
        normal_path(point["Destination"]): point["Name"]
        for point in of.inspect["Mounts"]
        if UNNAMED.fullmatch(point.get("Name") or "")
    }


def facts(of: Snapshot, carried: Mapping[str, str], networks: Mapping[str, str]) -> dict[str, Any]:
    """All that an engine says of a created container, flat, by dotted names.

    `carried` are the volumes that a clone has from its predecessor, of which another container
    with the same definition knows nothing; `networks` the names of networks by their ids, since
    a clone may take the one for the other.
    """
    name = of.inspect["Name"]
    config = {**of.config, "Env": set(of.config.get("Env") or ())}
    config["Volumes"] = {p: v for p, v in _by_path(config.get("Volumes")) if p not in carried}
    if config.get("Hostname") == of.short_id:
        config["Hostname"] = "<generated>"
    # The command line writes both in any order.
    host = {**of.host, **{name: _sorted(of.host.get(name)) for name in ("Ulimits", "Binds")}}
    host["Mounts"] = _sorted(
        mount for mount in host.get("Mounts") or () if normal_path(mount["Target"]) not in carried
    )
    # One policy with two spellings: the command line sends a name, none is none.
    policy = host.get("RestartPolicy") or {}
    host["RestartPolicy"] = {**policy, "Name": policy.get("Name") or "no"}
    host["NetworkMode"] = networks.get(host["NetworkMode"], host["NetworkMode"])
    host["Links"] = {link.replace(f":{name}/", ":/<own>/") for link in host.get("Links") or ()}
    endpoints = {
        network: {
            **{key: endpoint.get(key) for key in _OF_THE_USER},
            # The engine itself adds the short id, and at the start the host name.
            "Aliases": set(endpoint.get("Aliases") or ()) - {of.short_id, config["Hostname"]},
        }
        for network, endpoint in of.endpoints.items()
    }
    points = {target: point for target, point in _points(of).items() if target not in carried}
    rest = {key: of.inspect.get(key) for key in _OF_THE_WHOLE}
    return dict(
        _flat(
            {"Config": config, "HostConfig": host, "Networks": endpoints, "Mounts": points} | rest
        )
    )


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name -> both values, for what is not the same in two facts."""
    return {
        key: (one.get(key), other.get(key))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    }


_OF_THE_USER = ("IPAMConfig", "Links", "DriverOpts", "MacAddress", "GwPriority")
_OF_THE_WHOLE = ("Path", "Args", "Platform", "AppArmorProfile", "MountLabel", "ProcessLabel")


def _by_path(volumes: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return [(normal_path(path), value) for path, value in (volumes or {}).items()]


def _points(of: Snapshot) -> dict[str, Any]:
    """The mount points by target; an unnamed volume is like any other."""
    found = {}
    for point in of.inspect["Mounts"]:
        fields = {key: point.get(key) for key in ("Type", "Name", "Source", "RW", "Propagation")}
        if UNNAMED.fullmatch(fields["Name"] or ""):
            fields |= {"Name": "<unnamed>", "Source": "<unnamed>"}
        found[normal_path(point["Destination"])] = fields
    return found


def _sorted(values: Any) -> list[Any]:
    return sorted(values or (), key=repr)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects; nothing for what is empty, which has many spellings."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif value not in (None, "", [], set()) or isinstance(value, bool):
        yield path, value
