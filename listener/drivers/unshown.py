"""What an engine does not show of an image, read off a container that is made of it.

With the containerd store an image is shown with an empty configuration and without its platform
where the packed form of one of its layers is gone: the layer was pulled with another image, went
with it, and is left only unpacked, under some container. The image runs well. But taken for one
without defaults, all that it sets would look like its user's own choice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from listener.drivers.container_calls import ContainerCalls
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.names import PIN, look_name
from listener.drivers.snapshot import Document

_DEFAULTS = (
    *("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell"),
    *("StopSignal", "User", "Volumes", "WorkingDir"),
)


def is_shown(image: Document) -> bool:
    """Whether the inspect of an image tells what is in it."""
    return bool((image.get("RootFS") or {}).get("Layers"))


class Looks:
    """Looks at images through containers that are never started; once at each image."""

    def __init__(self, containers: ContainerCalls) -> None:
        self._containers = containers
        self._known: dict[str, dict[str, Any]] = {}
        self._lock = asyncio.Lock()

    async def completed(self, image: Document) -> dict[str, Any]:
        """The inspect with its Config, Os and Architecture. Raises EngineError, EngineAway."""
        image_id = str(image["Id"])
        async with self._lock:
            if image_id not in self._known:
                self._known[image_id] = await self._look(image_id)
        return {**image, **self._known[image_id]}

    async def _look(self, image_id: str) -> dict[str, Any]:
        name = look_name(image_id)
        try:
            given = await self._make(image_id, name)
            inspect = await self._containers.inspect_container(name)
        except NotFound as fault:
            # Not of the image: nobody shall think that it has gone.
            raise EngineError(500, f"image {image_id} cannot be looked at: {fault}") from fault
        finally:
            await self._containers.remove(name, volumes=True, force=True)
        config = inspect["Config"]
        shown = {key: config[key] for key in _DEFAULTS if config.get(key) and key not in given}
        shown["Labels"] = {key: text for key, text in config["Labels"].items() if key != PIN}
        platform = (inspect.get("ImageManifestDescriptor") or {}).get("platform") or {}
        return {
            "Config": shown,
            "Os": platform.get("os", ""),
            "Architecture": platform.get("architecture", ""),
        }

    async def _make(self, image_id: str, name: str) -> tuple[str, ...]:
        """Makes the container; answers what had to be given to it that is not the image's."""
        # The label keeps it from being taken for a target where the image says that it is one.
        body = {"Image": image_id, "Labels": {PIN: ""}, "HostConfig": {"NetworkMode": "none"}}
        # One that is there is left of a look that was killed.
        await self._containers.remove(name, volumes=True, force=True)
        try:
            await self._containers.create_container(name, body)
        except EngineError as refused:
            if "no command" not in refused.message.lower():
                raise
            await self._containers.create_container(name, body | {"Cmd": ["look"]})
            return ("Cmd",)
        return ()
