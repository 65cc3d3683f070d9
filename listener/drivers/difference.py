"""Whether the engine created what was planned: the check between create and the first stop.

Expected is, field by field, the old container's value where its user set one, and the new
image's default elsewhere. What an engine derives from an id, fills in by itself, or shows only
of a running container is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from listener.drivers.clone import (
    APART,
    Clone,
    chose_directory,
    chose_entrypoint,
    chosen_environment,
    chosen_healthcheck,
    chosen_labels,
    chosen_ports,
    generated_name,
)
from listener.drivers.hostconfig import ZERO_COUNTS, carried, chose_paths
from listener.drivers.mounts import named_binds, normal_path
from listener.drivers.networks import (
    connects,
    endpoint_settings,
    network_name,
    sysctls_option,
)
from listener.drivers.snapshot import Document, Setting, Snapshot


def unexplained(clone: Clone, old: Snapshot, new: Snapshot, setting: Setting) -> list[str]:
    """The dotted names of what differs without a reason; none is a faithful clone.

    `new` is the created container, connected to all its networks and not started, with the
    Config of the new image. The names never contain values, which may be secret.
    """
    found = [f"Config.{name}" for name in _in_config(clone, old, new, setting)]
    found += [f"HostConfig.{name}" for name in _in_host(clone, old, new, setting)]
    found += [f"Mounts.{target}" for target in _in_mounts(old, new)]
    found += [f"NetworkSettings.Networks.{name}" for name in _in_networks(old, new, setting)]
    return sorted(found)


def _in_config(clone: Clone, old: Snapshot, new: Snapshot, setting: Setting) -> Iterator[str]:
    own, made = old.config, new.config
    if made.get("Image") != clone.body["Image"]:
        yield "Image"
    if not generated_name(old, setting) and made.get("Hostname") != own["Hostname"]:
        yield "Hostname"
    if connects(old) and _text(own, "MacAddress").lower() != _text(made, "MacAddress").lower():
        yield "MacAddress"
    for name in (own.keys() | made.keys()) - APART:
        if _differs(name, own.get(name), made.get(name), name in clone.body):
            yield name
    yield from _in_merged(old, new, setting)


def _in_merged(old: Snapshot, new: Snapshot, setting: Setting) -> Iterator[str]:
    """The fields that the engine merges with the image's."""
    own, before, after, made = old.config, old.defaults, new.defaults, new.config
    for name in ("User", "StopSignal"):
        user_set = _text(own, name) != _text(before, name)
        if _text(made, name) != _text(own if user_set else after, name):
            yield name
    directory = own if chose_directory(old, setting) else after
    if normal_path(_text(made, "WorkingDir")) != normal_path(_text(directory, "WorkingDir")):
        yield "WorkingDir"
    entrypoint_set = chose_entrypoint(old)
    command_set = _list(own, "Cmd") != _list(before, "Cmd") or (
        entrypoint_set and own.get("Entrypoint") != []
    )
    for name, user_set in (("Entrypoint", entrypoint_set), ("Cmd", command_set)):
        if _list(made, name) != _list(own if user_set else after, name):
            yield name
    expected: dict[str, Mapping[str, Any]] = {
        "Env": _by_key(after.get("Env")) | _by_key(chosen_environment(old)),
        "Labels": {**(after.get("Labels") or {}), **chosen_labels(old, setting)},
        "ExposedPorts": {**(after.get("ExposedPorts") or {}), **chosen_ports(old)},
        "Healthcheck": _healthcheck(
            {**(after.get("Healthcheck") or {}), **chosen_healthcheck(old)}
        ),
    }
    for name, values in expected.items():
        actual = made.get(name) or {}
        if name == "Env":
            actual = _by_key(made.get(name))
        elif name == "Healthcheck":
            actual = _healthcheck(actual)
        yield from (f"{name}.{key}" for key in _keys_that_differ(values, actual))


def _healthcheck(config: Document) -> dict[str, Any]:
    """A health check without what says nothing: fields of zero, and the timings of NONE."""
    if config.get("Test") == ["NONE"]:
        return {"Test": ["NONE"]}
    # Which of the zeros are shown differs between the engines, and between image and container.
    return {name: value for name, value in config.items() if value}


def _in_host(clone: Clone, old: Snapshot, new: Snapshot, setting: Setting) -> Iterator[str]:
    posted = clone.body["HostConfig"]
    as_created = replace(setting, containers={})
    for name in old.host.keys() | new.host.keys():
        expected = _canonical(name, carried(name, old.host.get(name), old, setting))
        actual = _canonical(name, carried(name, new.host.get(name), new, as_created))
        if name == "LogConfig" and _keeps_logging(expected, actual):
            continue
        if _differs(name, expected, actual, name in posted):
            yield name
    for name in ("MaskedPaths", "ReadonlyPaths"):
        if chose_paths(name, old) and old.host[name] != new.host.get(name):
            yield name
    if set(named_binds(old)) != set(named_binds(new)):
        yield "Binds"
    mounts = new.host.get("Mounts") or []
    yield from (
        f"Mounts.{mount['Target']}"
        for mount in old.host.get("Mounts") or ()
        if mount not in mounts and (mount.get("Source") or mount.get("Type") != "volume")
    )


def _in_mounts(old: Snapshot, new: Snapshot) -> Iterator[str]:
    """What is really mounted; the new image may add volumes of its own, and nothing else may."""
    before, now = _mount_points(old), _mount_points(new)
    own_volumes = {normal_path(path) for path in new.defaults.get("Volumes") or ()}
    for target in before.keys() | now.keys():
        fresh = target not in before and target in own_volumes
        if before.get(target) != now.get(target) and not fresh:
            yield target


def _in_networks(old: Snapshot, new: Snapshot, setting: Setting) -> Iterator[str]:
    if not connects(old):
        return
    for name in old.endpoints.keys() | new.endpoints.keys():
        if name not in old.endpoints or name not in new.endpoints:
            yield name
            continue
        expected = endpoint_settings(name, old.endpoints[name], old)
        actual = endpoint_settings(name, new.endpoints[name], new)
        if name == network_name(old) and (option := sysctls_option(old, setting)):
            expected["DriverOpts"] = option
        for part in expected.keys() | actual.keys():
            if _canonical(part, expected.get(part)) != _canonical(part, actual.get(part)):
                yield f"{name}.{part}"


def _mount_points(of: Snapshot) -> dict[str, tuple[Any, ...]]:
    """Target -> kind, volume or path, writable, propagation."""
    return {
        normal_path(point["Destination"]): (
            point.get("Type"),
            point.get("Name") if point.get("Type") == "volume" else point.get("Source"),
            point.get("RW"),
            point.get("Propagation") or "",
        )
        for point in of.inspect.get("Mounts") or ()
    }


def _differs(name: str, expected: Any, actual: Any, posted: bool) -> bool:
    """Whether two values differ; what was neither set nor posted is the engine's own default."""
    if name not in ZERO_COUNTS:
        expected, actual = expected or None, actual or None
    return bool(expected != actual and (expected is not None or posted))


def _canonical(name: str, value: Any) -> Any:
    """A value without what makes no difference: order, and the two ways to spell a capability."""
    if name in {"CapAdd", "CapDrop"}:
        return {capability.upper().removeprefix("CAP_") for capability in value or ()}
    if name in {"SecurityOpt", "Links", "Aliases"}:
        return set(value or ())
    if name == "PidsLimit":
        return max(value or 0, 0)
    return value


def _keeps_logging(expected: Document | None, actual: Document | None) -> bool:
    """Whether the log options are kept; the daemon adds its own defaults to them."""
    wanted, options = (expected or {}).get("Config") or {}, (actual or {}).get("Config") or {}
    same_driver = (expected or {}).get("Type") == (actual or {}).get("Type")
    return same_driver and wanted.items() <= options.items()


def _by_key(entries: list[str] | None) -> dict[str, Any]:
    return {entry.partition("=")[0]: entry for entry in entries or ()}


def _keys_that_differ(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    return [
        key
        for key in expected.keys() | actual.keys()
        if (expected.get(key) or None) != (actual.get(key) or None)
        or (key in expected) != (key in actual)
    ]


def _text(config: Document, name: str) -> str:
    return str(config.get(name) or "")


def _list(config: Document, name: str) -> list[str]:
    return list(config.get(name) or ())
