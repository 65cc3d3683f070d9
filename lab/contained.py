"""The listener in a container of its own, from an image that holds next to nothing.

The image has the symlinks that this machine's root has; the interpreter, its packages and this
repository are this machine's own, mounted at the same paths. So two versions differ in what their
images say, which is what a swap is about.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import tarfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from listener.demo import http, ship
from listener.demo.app import Image, Layer, digest_of
from listener.demo.app import Release as AppRelease
from listener.demo.engine import LABEL
from listener.demo.waiting import wait_for
from listener.demo.world import World

APP = "listener"
VERSION = "lab.version"
"""The label of an image that tells which version of the listener it is."""

_REPOSITORY = Path(__file__).resolve().parents[1]
_SECOND = 1_000_000_000
_SEEN_AT = os.environ.get("LISTENER_LAB_MACHINE", "")
"""Where an engine with a file system of its own has this machine's: tools/engine-next says so."""


class Contained:
    """The listener of a world, run by the engine instead of as a child process.

    It shares the machine's network, so all that a world knows of its listener holds.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = world.name(APP)

    def build(
        self,
        version: str,
        *,
        entrypoint: Sequence[str] = ("-m", "listener"),
        check: Sequence[str] | None = None,
    ) -> Image:
        """The image of a version: what the interpreter is told, and what its check is told."""
        address = ("127.0.0.1", self.world.listener.admin_port)
        # Without what an interpreter loads for comfort: this runs each second.
        asks = ("-I", "-S", "-c", f"import socket; socket.create_connection({address!r}, 5)")
        settings: dict[str, Any] = {
            "Entrypoint": [sys.executable, *entrypoint],
            "Cmd": ["run"],
            "Env": ["PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"],
            "Labels": {LABEL: self.world.session, VERSION: version},
            "Healthcheck": {
                "Test": ["CMD", sys.executable, *(check or asks)],
                "Interval": _SECOND,
                "Timeout": 20 * _SECOND,
                "StartPeriod": 0 if check else 60 * _SECOND,
                "Retries": 2,
            },
        }
        layer = _layer()
        config = {
            "architecture": _architecture(self.world),
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "lab"}],
        }
        return Image(json.dumps(config).encode(), (layer,))

    def push(self, version: str, **build: Any) -> str:
        """Pushes a version; returns its digest."""
        image = self.build(version, **build)
        return ship.Api(self.world.registry).push(self.world.repository(APP), "latest", image)

    def run(self, *options: str, env: Mapping[str, str] | None = None) -> None:
        """`docker run` of what was pushed; returns once it is ready."""
        world = self.world
        places = [f"{place}:{place}:ro" for place in _machine()]
        # The socket, or that of the proxy which a whole run goes through.
        socket = world.engine.listener_url.removeprefix("unix://")
        places += [f"{place}:{place}" for place in (socket, world.directory)]
        world.engine.docker(
            *("run", "-d", "--name", self.name, "--network", "host", "--init"),
            *("--restart", "unless-stopped"),
            *("--label", "listener.enable=true", "--label", f"listener.scope={world.session}"),
            *(part for place in places for part in ("-v", _SEEN_AT + place)),
            *(part for pair in (env or {}).items() for part in ("-e", "=".join(pair))),
            *options,
            world.image(APP),
            *("run", "--config", str(world.listener.file)),
        )
        self.wait_ready()

    def wait_ready(self) -> None:
        """Returns once it says that it is ready."""
        ready = f"{self.world.listener.admin}/readyz"
        wait_for(lambda: http.get(ready).status == 200, f"{self.name} is ready", timeout=60)

    def begin(self, *apps: str, **run: Any) -> None:
        """Version 1 of the listener and of each app, run and at rest."""
        world = self.world
        self.push("1")
        for app in apps:
            world.push(app, AppRelease("1"))
            world.run(app)
        self.run(**run)
        for app in (APP, *apps):
            world.wait_late_push(app)

    @property
    def version(self) -> str:
        """The version that runs under the listener's name; empty where none runs."""
        listed = self.world.engine.docker(
            *("ps", "--filter", f"name=^/{self.name}$"),
            *("--format", '{{.Label "' + VERSION + '"}}'),
        )
        return listed.strip()

    def logs(self) -> str:
        """What the container under its name has written."""
        return self.world.engine.docker("logs", self.name)


def _machine() -> list[Path]:
    """What the interpreter needs of this machine."""
    needed = {Path(place) for place in ("/usr", sys.base_prefix, sys.prefix, _REPOSITORY)}
    inner = {one for one in needed for other in needed - {one} if one.is_relative_to(other)}
    return sorted(needed - inner)


@lru_cache(maxsize=1)
def _layer() -> Layer:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for link in sorted(path for path in Path("/").iterdir() if path.is_symlink()):
            if link.name == "sbin":
                continue  # where the engine puts its init
            entry = tarfile.TarInfo(link.name)
            entry.type, entry.linkname = tarfile.SYMTYPE, str(link.readlink())
            archive.addfile(entry)
        for directory in ("sbin", "tmp"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(entry)
    plain = buffer.getvalue()
    packed = gzip.compress(plain, mtime=0)
    return Layer(packed, digest_of(packed), digest_of(plain), plain)


def _architecture(world: World) -> str:
    return world.engine.docker("version", "--format", "{{.Server.Arch}}")
