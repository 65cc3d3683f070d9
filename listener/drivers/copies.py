"""Files that someone copied into a container before its start: nothing the engine tells of them.

Compose does so with ``configs:`` and ``secrets:`` whose content stands in its file or in a
variable. They lie in the container's own layer, so a container made from the engine's answer
lacks them. They are found by what copying leaves behind: the time of the copy as the file's own,
in whole seconds, since a tar carries no more, while a file that a process writes has a fraction.
"""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from listener.config.labels import COPY
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.mounts import normal_path
from listener.drivers.snapshot import Document, Snapshot

COMPOSE_PROJECT = "com.docker.compose.project"
LARGEST_FOUND = 1 << 20
"""Bytes: no configuration within a Compose file comes near it."""
LARGEST_NAMED = 32 << 20
"""Bytes, for a path that the label names: it is held in memory on the way."""
MOST_LOOKS = 10_000
"""How many files of a layer are looked at; each takes the engine one to five milliseconds."""

_OF_THE_CONTAINER = ("/tmp", "/var/tmp")  # noqa: S108 - nothing is written there by this program
_PASSING = (*_OF_THE_CONTAINER, "/run", "/var/run", "/var/cache", "/var/log", "/dev")
"""Where nobody expects a file to stay."""
_SHOWN = 3
_TAR_MARGIN = 16 << 10
"""Bytes by which the tar of a single file is longer than the file."""
_SECRETS = ("/run/secrets",)
_REMOVED = 2
_NOT_REGULAR = (1 << 31) | (1 << 27) | (1 << 26) | (1 << 25) | (1 << 24) | (1 << 21) | (1 << 19)
"""Directory, link, device, pipe, socket, terminal, other: the high bits of Go's file mode."""
_WRITABLE = 0o222
_ROUNDING = timedelta(seconds=1)


async def carry_copies(engine: Engine, old: Snapshot, new: Snapshot) -> tuple[str, ...]:
    """Copies into the new container, which was never started, what was copied into the old one.

    For a container of Compose these are the regular files of its layer under /run/secrets and
    those that were copied between its creation and its start; for any container the paths that
    the label ``listener.copy`` names. Answers a sentence for each. Raises CannotSwapError where
    one of them cannot be copied.
    """
    named, found, notes = await find_copies(engine, old)
    for path in named:
        await _carry(engine, old, new, path, None)
        notes.append(f"{path} was copied from the old container, as the label {COPY} asks")
    for path in found:
        # It gets the time of this copy, since the next swap finds it by that.
        await _carry(engine, old, new, path, _moment(new.inspect.get("Created")))
        notes.append(f"{path} was copied from the old container, into which someone had copied it")
    return tuple(notes)


async def find_copies(engine: Engine, old: Snapshot) -> tuple[list[str], list[str], list[str]]:
    """What is to be copied: the paths that the label names, those that are found, and sentences
    on what is not. Raises CannotSwapError where that cannot be told.
    """
    labels = old.config.get("Labels") or {}
    notes: list[str] = []
    named = [path for path in named_paths(labels.get(COPY, "")) if _in_layer(path, old, notes)]
    found = []
    if COMPOSE_PROJECT in labels:
        found = await _search(engine, old, named, notes)
    return named, found, notes


async def left_behind(engine: Engine, old: Snapshot, carried: Iterable[str]) -> tuple[str, ...]:
    """A sentence on what was written outside of mounts and goes with the old container, if
    anything was; `carried` are the paths that are copied.
    """
    try:
        changed = await engine.changes(str(old.inspect["Id"]))
    except EngineError:
        return ()  # only Compose's copies must be known
    paths = _leaves(changed, [*carried, *_mounted(old), *_PASSING])
    paths = [path for path in paths if "/__pycache__" not in path]
    if not paths:
        return ()
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return (
        f"leaves behind what was written outside of volumes: {', '.join(paths[:_SHOWN])}{more}",
    )


def named_paths(label: str) -> list[str]:
    """The absolute paths that the label names, as a JSON list or with commas between them.

    Raises CannotSwapError for anything else.
    """
    try:
        listed = json.loads(label) if label.lstrip().startswith("[") else label.split(",")
    except (ValueError, RecursionError) as problem:
        raise CannotSwapError(f"the label {COPY} is no JSON list: {problem}") from None
    paths = []
    for entry in listed:
        text = entry.strip() if isinstance(entry, str) else ""
        if not text and entry == "":
            continue
        path = normal_path(text or ".")
        if not path.startswith("/") or path.strip("/") == "" or ".." in text.split("/"):
            raise CannotSwapError(
                f"the label {COPY} must name absolute paths below /, not {entry!r}; write them"
                ' with commas between them or as a JSON list: ["/etc/app.conf"]'
            )
        paths.append(path)
    return list(dict.fromkeys(paths))


async def _carry(
    engine: Engine, old: Snapshot, new: Snapshot, path: str, moment: datetime | None
) -> None:
    """Copies one path; its files are then of `moment`, None leaves them their own time."""
    limit = LARGEST_NAMED if moment is None else LARGEST_FOUND + _TAR_MARGIN
    try:
        packed = await engine.read_archive(str(old.inspect["Id"]), path, limit)
        packed = _repack(packed, path, _mounted(old), moment)
        await engine.write_archive(str(new.inspect["Id"]), packed)
    except (EngineError, tarfile.TarError) as problem:
        raise CannotSwapError(
            f"{path} cannot be copied from the old container into the new one: {problem}"
        ) from None


def _repack(packed: bytes, path: str, mounted: Iterable[str], moment: datetime | None) -> bytes:
    """The tar of one path with full names, without what lies on a mount, which has it already."""
    parent = posixpath.dirname(path)
    result = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as source,
        tarfile.open(fileobj=result, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in source:
            full = posixpath.join(parent, member.name)
            if _below(full, mounted):
                continue
            member.name = full.lstrip("/")
            if member.islnk():
                member.linkname = posixpath.join(parent, member.linkname).lstrip("/")
            # Written anew from the member; the others, like extended attributes, are kept.
            member.pax_headers = {
                name: text
                for name, text in member.pax_headers.items()
                if name not in {"path", "linkpath", "mtime"}
            }
            if moment is not None:
                member.mtime = int(moment.timestamp())
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return result.getvalue()


async def _search(engine: Engine, old: Snapshot, named: list[str], notes: list[str]) -> list[str]:
    """The files that were copied into a container of Compose, by their look."""
    container = str(old.inspect["Id"])
    try:
        changed = await engine.changes(container)
    except EngineError as problem:
        raise CannotSwapError(
            f"whether files were copied into the old container cannot be told: {problem}"
        ) from None
    paths = _leaves(changed, [*named, *_mounted(old)])
    if len(paths) > MOST_LOOKS:
        if COPY not in (old.config.get("Labels") or {}):
            raise CannotSwapError(
                f"the container wrote {len(paths)} files beside its volumes, too many to find those"
                f" that Compose copied into it; name them in the label {COPY}, or set it to []"
            )
        paths = [path for path in paths if _below(path, _SECRETS)]
        notes.append(f"only {_SECRETS[0]} was searched for files that Compose copied")
    found = []
    for path in paths:
        try:
            stat = await engine.file_stat(container, path)
        except NotFound:
            continue  # it was there a moment ago
        if was_copied(path, stat, old) and not _is_too_large(path, stat, notes):
            found.append(path)
    return found


def was_copied(path: str, stat: Document, old: Snapshot) -> bool:
    """Whether a file of a container's layer looks copied into it before its start."""
    if stat["mode"] & _NOT_REGULAR:
        return False
    if _below(path, _SECRETS):
        return True
    written = _moment(stat["mtime"])
    created = _moment(old.inspect.get("Created"))
    started = _moment((old.inspect.get("State") or {}).get("StartedAt"))
    if started < created:
        started = datetime.now(UTC)  # it never was
    return (
        not written.microsecond
        and created <= written + _ROUNDING
        and written <= started + _ROUNDING
    )


def _is_too_large(path: str, stat: Document, notes: list[str]) -> bool:
    """Whether a file that looks copied is not; a read-only one leaves no such doubt."""
    if stat["size"] <= LARGEST_FOUND:
        return False
    if _below(path, _SECRETS) or not stat["mode"] & _WRITABLE:
        raise CannotSwapError(
            f"{path} was copied into the container and is larger than {LARGEST_FOUND >> 20} MiB;"
            f" mount it, or name it in the label {COPY} of the container"
        )
    notes.append(f"{path} was not copied: it is larger than {LARGEST_FOUND >> 20} MiB")
    return True


def _leaves(changed: list[dict[str, Any]], apart: Iterable[str]) -> list[str]:
    """What was added or changed and holds nothing else that was, outside of some paths."""
    paths = {str(entry["Path"]) for entry in changed if entry["Kind"] != _REMOVED}
    parents = {posixpath.dirname(path) for path in paths}
    return sorted(path for path in paths - parents if not _below(path, apart))


def _in_layer(path: str, old: Snapshot, notes: list[str]) -> bool:
    """Whether a named path is the layer's own; on a mount the new container has it too."""
    if not _below(path, _mounted(old)):
        return True
    if _below(path, _temporary(old)):
        raise CannotSwapError(
            f"{path} cannot be copied from the old container: it lies on a tmpfs, which ends with"
            f" it; take it out of the label {COPY}"
        )
    notes.append(f"{path} was not copied: it lies on a mount, which the new container has too")
    return False


def _mounted(old: Snapshot) -> list[str]:
    points = [normal_path(point["Destination"]) for point in old.inspect.get("Mounts") or ()]
    return points + _temporary(old)


def _temporary(old: Snapshot) -> list[str]:
    mounts = [mount for mount in old.host.get("Mounts") or () if mount.get("Type") == "tmpfs"]
    targets = [mount["Target"] for mount in mounts] + list(old.host.get("Tmpfs") or ())
    return [normal_path(target) for target in targets]


def _below(path: str, tops: Iterable[str]) -> bool:
    """Whether a path is one of some others or lies below it."""
    full = _one_spelling(path)
    return any(full == top or full.startswith(f"{top}/") for top in map(_one_spelling, tops))


def _one_spelling(path: str) -> str:
    """A path without the one link that most images have: /var/run is /run, or the reverse."""
    linked = path == "/var/run" or path.startswith("/var/run/")
    return path.removeprefix("/var") if linked else path


def _moment(text: object) -> datetime:
    """A time of the engine's; the zero time for what is none."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
