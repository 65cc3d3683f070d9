"""Clones on a real engine: two images with different defaults, containers, and their clones."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from listener.demo.engine import Engine as DockerCli
from listener.demo.engine import EngineTrouble
from listener.demo.waiting import wait_for
from listener.drivers.clone import Clone, Setting, Snapshot, plan_clone
from listener.drivers.difference import unexplained
from listener.drivers.engine import Engine

PROGRAMS = ("sh", "sleep", "cat", "chmod", "hostname", "true", "ls")
PATH = "PATH=/bin"
_ANONYMOUS = 64
"""How long the name of a volume is that nobody named."""

OLD_DEFAULTS: dict[str, Any] = {
    "Env": [PATH, "SHARED=image-1", "TAKEN_AWAY=image-1", "OVERRIDDEN=image-1", "ONLY_OLD=1"],
    "Entrypoint": ["/bin/sh", "-c"],
    "Cmd": ["sleep 1001"],
    "User": "7",
    "WorkingDir": "/old/",
    "StopSignal": "SIGQUIT",
    "Labels": {"org.example.version": "1", "org.example.kept": "image-1"},
    "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
    "Volumes": {"/data/": {}},
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 7_000_000_000, "Retries": 2},
}
NEW_DEFAULTS: dict[str, Any] = {
    "Env": [PATH, "SHARED=image-2", "TAKEN_AWAY=image-2", "OVERRIDDEN=image-2", "ONLY_NEW=1"],
    "Entrypoint": ["/bin/sh", "-e", "-c"],
    "Cmd": ["sleep 1002"],
    "User": "8",
    "WorkingDir": "/new",
    "StopSignal": "SIGHUP",
    "Labels": {"org.example.version": "2", "org.example.kept": "image-2", "org.example.new": "1"},
    "ExposedPorts": {"82/tcp": {}},
    "Volumes": {"/more": {}},
    "Healthcheck": {"Test": ["CMD", "ls"], "Interval": 8_000_000_000, "Timeout": 9_000_000_000},
}


@dataclass(frozen=True)
class Swapped:
    """A container, its clone as planned, and what the engine made of it."""

    old: Snapshot
    clone: Clone
    new: Snapshot
    differences: list[str]


class Cloning:
    """A workbench; `clean` removes all that was made on it."""

    def __init__(self, cli: DockerCli, engine: Engine, stock: Mapping[str, str]) -> None:
        self.engine = engine
        self.images = dict(stock)
        """Name -> reference of the images at hand."""
        self.token = f"lt-clone-{secrets.token_hex(3)}"
        self._cli = cli
        self._made: list[tuple[str, str]] = []
        self._counter = 0

    def docker(self, *arguments: str) -> str:
        return self._cli.docker(*arguments)

    def inspect(self, container: str) -> dict[str, Any]:
        return self._cli.inspect(container)

    def feed(self, *arguments: str, content: bytes) -> str:
        """`docker ARGUMENTS` with something on its standard input."""
        return self._cli.docker(*arguments, feed=content)

    def wait_file(self, container: str, path: str) -> None:
        """Waits until a running container has written a file."""

        def is_there() -> bool:
            self.docker("exec", container, "ls", path)
            return True

        wait_for(is_there, f"{container} has {path}", forgive=(EngineTrouble,))

    def name(self) -> str:
        self._counter += 1
        return f"{self.token}-{self._counter}"

    def image(
        self, name: str, defaults: Mapping[str, Any], files: Mapping[str, bytes] | None = None
    ) -> str:
        """One more image, with exactly these defaults; answers its reference."""
        self.images[name] = load_image(self._cli, f"{self.token}:{name}", defaults, files or {})
        self._made.append(("image", self.images[name]))
        return self.images[name]

    def create(self, *options: str, image: str = "1", command: tuple[str, ...] = ()) -> str:
        """`docker create`; answers the container's name."""
        name = self.name()
        reference = self.images.get(image, image)
        made = self.docker("create", "--name", name, *options, reference, *command)
        self._made.append(("container", made))
        return name

    def network(self, *options: str) -> tuple[str, str]:
        """A network of its own; answers its name and its IPv4 prefix like ``10.213.7``."""
        name = self.name()

        def made() -> str:
            prefix = f"10.{secrets.randbelow(50) + 200}.{secrets.randbelow(250)}"
            self.docker("network", "create", "--subnet", f"{prefix}.0/24", *options, name)
            return prefix

        # Another test may have the addresses now.
        prefix = wait_for(made, "a free subnet", timeout=120, forgive=(EngineTrouble,))
        self._made.append(("network", name))
        return name, prefix

    def volume(self) -> str:
        name = self.docker("volume", "create", self.name())
        self._made.append(("volume", name))
        return name

    async def snapshot(self, container: str) -> Snapshot:
        inspect = await self.engine.inspect_container(container)
        image = await self.engine.inspect_image(inspect["Image"])
        return Snapshot(inspect, image["Config"] or {})

    async def setting(self) -> Setting:
        engine = self.engine
        return Setting(engine.api, machine=engine.name, cgroup_v2=engine.cgroup_v2)

    async def swap(
        self, container: str, *, image: str = "2", setting: Setting | None = None
    ) -> Swapped:
        """Plans the clone of a container and has the engine create it."""
        old = await self.snapshot(container)
        setting = setting or await self.setting()
        reference = self.images.get(image, image)
        clone = plan_clone(old, reference, setting)
        new = await self.make(clone)
        return Swapped(old, clone, new, unexplained(clone, old, new, setting))

    async def make(self, clone: Clone) -> Snapshot:
        """Creates a container as the plan says; raises EngineError where the engine refuses."""
        name = self.name()
        made, _ = await self.engine.create_container(name, clone.body)
        self._made.append(("container", made))
        for network, endpoint in clone.networks.items():
            await self.engine.connect_network(network, name, endpoint)
        return await self.snapshot(name)

    def run(self, container: str) -> None:
        self.docker("start", container)

    @contextmanager
    def discarding(self) -> Iterator[None]:
        """Removes at its end what was made within it."""
        before, self._made = self._made, []
        try:
            yield
        finally:
            self.clean()
            self._made = before

    def clean(self) -> None:
        """Removes what was made, newest first, and the anonymous volumes of containers."""
        volumes = set()
        for kind, name in self._made:
            if kind == "container":
                with suppress(EngineTrouble):
                    points = self._cli.inspect(name)["Mounts"]
                    volumes |= {p["Name"] for p in points if len(p.get("Name", "")) == _ANONYMOUS}
        options = {"container": ["-f", "-v"], "volume": ["-f"], "image": ["-f"]}
        for kind, name in [*(("volume", volume) for volume in volumes), *self._made][::-1]:
            with suppress(EngineTrouble):
                self.docker(kind, "rm", *options.get(kind, []), name)


def without(clone: Clone, *path: str) -> Clone:
    """The plan with one field left out, as a bug would."""
    body = json.loads(json.dumps(clone.body))
    inner = body
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return replace(clone, body=body)


def load_image(
    cli: DockerCli, reference: str, defaults: Mapping[str, Any], files: Mapping[str, bytes]
) -> str:
    """Loads an image with a shell, these files and exactly these defaults; answers `reference`."""
    layer = _tar({"bin/busybox": Path("/bin/busybox").read_bytes(), **files}, links=PROGRAMS)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": defaults,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"],
        },
    }
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    archive = _tar(
        {
            "layer.tar": layer,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
    )
    cli.docker("load", feed=archive)
    return reference


def _tar(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(f"bin/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(member)
    return packed.getvalue()
