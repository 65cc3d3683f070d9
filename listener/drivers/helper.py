"""The helper: a container that replaces this program's own one, since nobody can do that alone.

It runs the image that runs now, which is known to work, and has what reaches the engine: mounts,
networks, user and security options of the container that it replaces. What it shall do is a file
in its own file system, where it also keeps how far it got; nothing else survives it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from typing import Any

from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineError, NotFound
from listener.drivers.mounts import carried_mounts, named_binds
from listener.drivers.names import helper_name
from listener.drivers.networks import connects, network_name
from listener.drivers.snapshot import Snapshot
from listener.drivers.stage import Stage
from listener.faults import fault_point

HELPER_LABEL = "listener.helper"
"""The label with the deployment that a helper works for."""
DIRECTORY = "/listener-helper"
PARCEL = "parcel.json"

_RESTARTS = 10
_LARGEST_PARCEL = 16 << 20
# What lets a process reach the engine as this one does.
_ACCESS = (
    *("CapAdd", "CapDrop", "CgroupnsMode", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts"),
    *("GroupAdd", "Init", "Privileged", "Runtime", "SecurityOpt", "UsernsMode"),
)


class Helper(Stage):
    """The verbs about the one helper of a container, whose `name` the engine gives only once."""

    def __init__(self, engine: Engine, container: str) -> None:
        super().__init__(engine)
        self.name = helper_name(container)

    async def there(self) -> dict[str, Any] | None:
        """The helper's inspect, whichever deployment it works for; None where there is none."""
        return await self.find(self.name)

    async def create(self, old: Snapshot, deployment: str, entrypoint: Sequence[str]) -> None:
        """Creates the helper of a deployment beside the container `old`, which it replaces.

        Raises CannotSwapError where the engine refuses, as it does a second one.
        """
        try:
            await self.make(self.name, helper_body(old, deployment, entrypoint))
            fault_point("helper-created")
        except Conflict:
            raise CannotSwapError("another helper container was created meanwhile") from None
        except EngineError as problem:
            raise CannotSwapError(f"the helper could not be created: {problem}") from None

    async def begin(self, old: Snapshot, parcel: bytes) -> None:
        """Gives a created helper what it shall do and starts it; raises CannotSwapError."""
        try:
            # The call that creates a container takes one network.
            for network in old.endpoints if connects(old) else ():
                if network != network_name(old):
                    await self.join(network, self.name, {})
            await self.engine.write_archive(self.name, _packed(parcel))
            await self.engine.start(self.name)
        except EngineError as problem:
            raise CannotSwapError(f"the helper did not start: {problem}") from None
        fault_point("helper-started")

    async def parcel(self) -> bytes | None:
        """How far it got; None where it never was told what to do, or is gone."""
        try:
            packed = await self.engine.read_archive(
                self.name, f"{DIRECTORY}/{PARCEL}", _LARGEST_PARCEL
            )
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            file = tar.extractfile(PARCEL)
            return file.read() if file else None

    async def remove(self) -> None:
        """Removes the helper; fine where there is none."""
        await self.engine.remove(self.name, volumes=False, force=True)


def helper_body(old: Snapshot, deployment: str, entrypoint: Sequence[str]) -> dict[str, Any]:
    """The body of the call that creates a helper."""
    config, host = old.config, old.host
    return {
        "Image": old.inspect["Image"],
        "Entrypoint": list(entrypoint),
        "Cmd": ["replace"],
        "Env": config.get("Env") or [],
        "User": config.get("User") or "",
        "WorkingDir": config.get("WorkingDir") or "",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {HELPER_LABEL: deployment},
        "HostConfig": {
            **{key: host[key] for key in _ACCESS if host.get(key)},
            "Binds": named_binds(old),
            "Mounts": carried_mounts(old),
            "NetworkMode": host.get("NetworkMode") or "default",
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": _RESTARTS},
        },
    }


def deployment_of(helper: dict[str, Any]) -> str | None:
    """The deployment that a helper works for; None for a stranger with its name."""
    labels = (helper.get("Config") or {}).get("Labels") or {}
    return labels.get(HELPER_LABEL)


def _packed(parcel: bytes) -> bytes:
    """The file in a directory that whatever user the helper runs as may write to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo(DIRECTORY.removeprefix("/"))
        directory.type, directory.mode = tarfile.DIRTYPE, 0o777
        tar.addfile(directory)
        file = tarfile.TarInfo(f"{directory.name}/{PARCEL}")
        file.size, file.mode = len(parcel), 0o666
        tar.addfile(file, io.BytesIO(parcel))
    return buffer.getvalue()
