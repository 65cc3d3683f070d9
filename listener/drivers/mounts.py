"""What is mounted where: above all the anonymous volumes, which hold data and have no name.

A fresh container would get fresh, empty ones. They are carried as mounts with a source, which is
what Compose does too; the engine then treats them as named and leaves them when the container is
removed together with its volumes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from listener.drivers.snapshot import Document, Snapshot


def normal_path(path: str) -> str:
    """A path as the engine compares it: without a slash at the end or a doubled one."""
    return posixpath.normpath(path)


def named_binds(old: Snapshot) -> list[str]:
    """The binds that say what they bind: a host path or a volume's name."""
    return [bind for bind in old.host.get("Binds") or () if not _is_anonymous(bind)]


def anonymous_volumes(old: Snapshot) -> dict[str, Document]:
    """The container's mount points that are volumes without a name of the user's, by target.

    They come from the image's VOLUME, from a path alone in Volumes or Binds, or from a mount
    without a source. What another container lends through VolumesFrom is not among them.
    """
    named = {bind_target(bind) for bind in named_binds(old)}
    named |= {normal_path(mount["Target"]) for mount in _mounts(old) if mount.get("Source")}
    declared = _declared(old)
    found = {}
    for point in old.inspect.get("Mounts") or ():
        target = normal_path(point["Destination"])
        if point.get("Type") != "volume" or target in named:
            continue
        if target in declared or not old.host.get("VolumesFrom"):
            found[target] = point
    return found


def carried_mounts(old: Snapshot) -> list[dict[str, Any]]:
    """The mounts to post: those of the user, and one for each anonymous volume."""
    volumes = anonymous_volumes(old)
    kept = [
        dict(mount)
        for mount in _mounts(old)
        if mount.get("Source") or normal_path(mount["Target"]) not in volumes
    ]
    options = {
        normal_path(mount["Target"]): mount.get("VolumeOptions") or {}
        for mount in _mounts(old)
        if not mount.get("Source")
    }
    for target, point in volumes.items():
        kept.append(_by_name(point, options.get(target, {})))
    return kept


def bind_target(bind: str) -> str:
    """Where in the container a bind like ``/srv/data:/data:ro`` goes."""
    parts = bind.split(":")
    return normal_path(parts[0] if _is_anonymous(bind) else parts[1])


def _is_anonymous(bind: str) -> bool:
    """Whether a bind is a target alone, ``/data`` or ``/data:ro``."""
    parts = bind.split(":")
    return len(parts) == 1 or (len(parts) == 2 and not parts[1].startswith("/"))


def _mounts(old: Snapshot) -> list[Document]:
    return old.host.get("Mounts") or []


def _declared(old: Snapshot) -> set[str]:
    """The targets for which the container itself asks for an anonymous volume."""
    targets = {normal_path(path) for path in old.config.get("Volumes") or ()}
    targets |= {bind_target(bind) for bind in old.host.get("Binds") or () if _is_anonymous(bind)}
    targets |= {normal_path(mount["Target"]) for mount in _mounts(old) if not mount.get("Source")}
    return targets


def _by_name(point: Document, options: Mapping[str, Any]) -> dict[str, Any]:
    mount: dict[str, Any] = {
        "Type": "volume",
        "Source": point["Name"],
        "Target": point["Destination"],
    }
    if not point.get("RW", True):
        mount["ReadOnly"] = True
    if options.get("NoCopy"):
        mount["VolumeOptions"] = {"NoCopy": True}
    return mount
