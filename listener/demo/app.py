"""A tiny web app in as many states of health as an app can be in.

Every release is an image of two layers: a static busybox with the scripts below, the same for all
that bear the same labels, and one small layer with the version and the behaviour. Built here in
memory, without an engine.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from listener.demo.process import program

PORT = 8000
"""Where the app listens inside its container: ``/`` answers its version, ``/cgi-bin/ready`` 200 or
500 with a word on its health."""

_RUN = """#!/bin/sh
behaviour=$(cat /app/behaviour) seconds=$(cat /app/seconds)
echo "version $(cat /app/version) begins, behaviour $behaviour"
date +%s > /tmp/began
[ "$behaviour" = exits ] && { echo "no such table: users" >&2; exit 3; }
[ "$behaviour" = greedy ] && exec tail /dev/zero
[ "$behaviour" = slow ] && sleep "$seconds"
[ "$behaviour" = stubborn ] || trap 'kill $server; exit 0' TERM INT
busybox httpd -f -p 8000 -h /www & server=$!
[ "$behaviour" = dies ] && { sleep "$seconds"; echo "out of cheese" >&2; exit 4; }
while kill -0 $server; do wait $server; done
"""
_CHECK = """#!/bin/sh
behaviour=$(cat /app/behaviour) seconds=$(cat /app/seconds)
age=$(( $(date +%s) - $(cat /tmp/began) ))
case $behaviour in
  sick) echo "check failed: no connection to the database"; exit 1 ;;
  hangs) sleep 3600 ;;
  turns) [ $age -lt $seconds ] && [ ! -e /tmp/turned ] ||
    { echo "check failed: queue is full"; exit 1; } ;;
esac
busybox wget -q -O /dev/null http://127.0.0.1:8000/ || { echo "check failed: no answer"; exit 1; }
echo "ready after $age s"
"""
_READY = """#!/bin/sh
word=$(/app/check 2>&1) && status="200 OK" || status="500 Internal Server Error"
printf 'HTTP/1.0 %s\\r\\nContent-Type: text/plain\\r\\n\\r\\n%s\\n' "$status" "$word"
"""
_APPLETS = ("sh", "cat", "date", "sleep", "tail", "wget", "httpd", "kill", "echo", "true", "false")


class Behaviour(StrEnum):
    """What a release does; `seconds` in a Release says when, where that matters."""

    GOOD = "good"
    SICK = "sick"
    """Serves, but its check always fails and says why."""
    EXITS = "exits"
    """Ends at once with exit code 3; under a restart policy, a restart loop."""
    DIES = "dies"
    """Serves for `seconds`, then ends with exit code 4."""
    TURNS = "turns"
    """Is healthy for `seconds`, or until it has a file ``/tmp/turned``; then its check fails."""
    HANGS = "hangs"
    """Its check never ends."""
    SLOW = "slow"
    """Begins to serve only after `seconds`."""
    STUBBORN = "stubborn"
    """Serves well and ignores SIGTERM."""
    GREEDY = "greedy"
    """Takes all the memory that it gets, and more."""
    MISSING = "missing"
    """Its command does not exist: it cannot be started."""


@dataclass(frozen=True)
class Check:
    """The image's HEALTHCHECK; times in seconds. `retries` None: as suits what the release does."""

    interval: float = 1.0
    # A busy machine must not make a good version sick.
    timeout: float = 10.0
    retries: int | None = None
    start_period: float = 0.0


@dataclass(frozen=True)
class Release:
    """One version of the app. `check` None: an image without HEALTHCHECK."""

    version: str
    behaviour: Behaviour = Behaviour.GOOD
    seconds: int = 2
    check: Check | None = Check()
    env: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A layer: its packed bytes and the digests of both forms."""

    packed: bytes
    digest: str
    diff_id: str
    plain: bytes


@dataclass(frozen=True)
class Image:
    """What is pushed: the config and the layers below it."""

    config: bytes
    layers: tuple[Layer, ...]

    @property
    def id(self) -> str:
        """The digest of the config: what the engine's classic store calls the image's id."""
        return digest_of(self.config)

    def archive(self, name: str) -> bytes:
        """As `docker load` and skopeo's ``docker-archive:`` read it, under one name."""
        config = f"{self.id.removeprefix('sha256:')}.json"
        files = {f"{layer.diff_id[7:19]}/layer.tar": layer.plain for layer in self.layers}
        manifest = [{"Config": config, "RepoTags": [name], "Layers": list(files)}]
        files |= {config: self.config, "manifest.json": json.dumps(manifest).encode()}
        return _tar({path: (content, 0o644) for path, content in files.items()})


def digest_of(content: bytes) -> str:
    """``sha256:…`` of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def build(release: Release, labels: Mapping[str, str]) -> Image:
    """The image of one release; equal arguments make equal bytes and so equal digests."""
    own = {
        "app/version": (f"{release.version}\n".encode(), 0o644),
        "app/behaviour": (release.behaviour.encode(), 0o644),
        "app/seconds": (str(release.seconds).encode(), 0o644),
        "www/index.html": (f"{release.version}\n".encode(), 0o644),
    }
    # Sessions share no layer: an engine that removes one's images takes nothing from another's.
    layers = (_base("".join(labels.values())), _layer(_tar(own)))
    settings: dict[str, Any] = {
        "Cmd": ["/app/absent" if release.behaviour is Behaviour.MISSING else "/app/run"],
        "Env": ["PATH=/bin", f"APP_VERSION={release.version}", *release.env],
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "Labels": {**labels, **dict(release.labels)},
        "WorkingDir": "/",
    }
    if release.volumes:
        settings["Volumes"] = {path: {} for path in release.volumes}
    if release.check is not None:
        settings["Healthcheck"] = _healthcheck(release.check, _retries(release))
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "lab"} for _ in layers],
    }
    return Image(json.dumps(config).encode(), layers)


def _retries(release: Release) -> int:
    """What is sick is soon known to be; what is well may be slow to begin, on a busy machine."""
    if release.check is not None and release.check.retries is not None:
        return release.check.retries
    return 2 if release.behaviour in (Behaviour.SICK, Behaviour.TURNS, Behaviour.HANGS) else 5


def _healthcheck(check: Check, retries: int) -> dict[str, Any]:
    nanoseconds = 1_000_000_000
    return {
        "Test": ["CMD", "/app/check"],
        "Interval": int(check.interval * nanoseconds),
        "Timeout": int(check.timeout * nanoseconds),
        "StartPeriod": int(check.start_period * nanoseconds),
        "Retries": retries,
    }


@lru_cache(maxsize=8)
def _base(session: str) -> Layer:
    files: dict[str, tuple[bytes, int]] = {
        "etc/session": (f"{session}\n".encode(), 0o644),
        "bin/busybox": (Path(program("busybox")).resolve().read_bytes(), 0o755),
        "app/run": (_RUN.encode(), 0o755),
        "app/check": (_CHECK.encode(), 0o755),
        "www/cgi-bin/ready": (_READY.encode(), 0o755),
    }
    return _layer(_tar(files, links=_APPLETS, directories=("tmp", "data", "etc")))


def _layer(plain: bytes) -> Layer:
    packed = gzip.compress(plain, compresslevel=1, mtime=0)
    return Layer(packed, digest_of(packed), digest_of(plain), plain)


def _tar(
    files: Mapping[str, tuple[bytes, int]],
    links: tuple[str, ...] = (),
    directories: tuple[str, ...] = (),
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in directories:
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(entry)
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
        for link in links:
            entry = tarfile.TarInfo(f"bin/{link}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
