"""What is done with images."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from listener.drivers.errors import Conflict, EngineAway, EngineError, NotFound, PullFault
from listener.drivers.faults import pull_fault
from listener.drivers.wire import (
    CHANGE,
    Call,
    Filters,
    Wire,
    filter_params,
    json_lines,
    path_part,
)
from listener.model.auth import Auth
from listener.model.reference import parse_reference

_ALSO_RUNS = {("amd64", "386"), ("arm64", "arm")}


@dataclass(frozen=True, slots=True)
class LayerProgress:
    """How far one layer of a pull is; the numbers are bytes, None where the engine says none."""

    id: str
    status: str
    current: int | None
    total: int | None


OnProgress = Callable[[LayerProgress], None]


class ImageCalls(Wire):
    """The calls about images; see Wire for what they raise."""

    async def inspect_image(self, ref: str) -> dict[str, Any]:
        """Everything about one image, by id, ``repo:tag`` or ``repo@digest``."""
        return await self.json(Call("GET", f"images/{path_part(ref)}/json"))

    async def platform_digest(self, ref: str) -> str | None:
        """The digest of the manifest that is run of an image, where the engine tells it.

        Only the containerd store does, from API 1.48 on.
        """
        call = Call("GET", f"images/{path_part(ref)}/json", params={"manifests": "1"})
        image = await self.json(call)
        wanted = [image.get(key) or "" for key in ("Os", "Architecture", "Variant")]
        for manifest in image.get("Manifests") or ():
            of = (manifest.get("ImageData") or {}).get("Platform") or {}
            if [of.get(key, "") for key in ("os", "architecture", "variant")] == wanted:
                return str(manifest["Descriptor"]["digest"])
        return None

    async def list_images(self, filters: Filters | None = None) -> list[dict[str, Any]]:
        """Images, without intermediate ones."""
        return await self.json_list(Call("GET", "images/json", params=filter_params(filters)))

    async def tag_image(self, image: str, repository: str, tag: str) -> None:
        """Makes ``repository:tag`` name this image, whatever it named before."""
        params = {"repo": repository, "tag": tag}
        await self.done(Call("POST", f"images/{path_part(image)}/tag", params=params))

    async def untag(self, ref: str) -> bool:
        """Removes one name of an image, and the image where it was the last and nothing uses it.

        False where there is no such name or a container needs it.
        """
        try:
            await self.done(Call("DELETE", f"images/{path_part(ref)}", seconds=CHANGE))
        except (NotFound, Conflict):
            return False
        return True

    async def distribution(self, ref: str, auth: Auth | None) -> dict[str, Any]:
        """What the registry has under this reference, asked by the engine, nothing pulled."""
        return await self.json(
            Call(
                "GET",
                f"distribution/{path_part(ref)}/json",
                headers=auth_header(ref, auth),
                seconds=30.0,
            )
        )

    async def pull(  # noqa: PLR0913 - two of them have defaults and go by keyword
        self,
        repository: str,
        digest: str,
        auth: Auth | None,
        on_progress: OnProgress | None = None,
        *,
        platform: str | None = None,
        stall: float = 120.0,
    ) -> dict[str, Any]:
        """Pulls ``repository@digest`` and answers the image's inspect; one try, no retries.

        `platform` as `foreign_platform` has it; without one it is the engine's own. Raises
        PullFault, also where the engine says nothing for `stall` seconds, and EngineAway where it
        cannot be reached at all.
        """
        image = f"{repository}@{digest}"
        await self.ping()
        try:
            await self._stream_pull(repository, digest, auth, on_progress, platform, stall)
        except EngineError as fault:
            raise pull_fault(image, fault.status, fault.message) from fault
        except EngineAway as fault:
            raise PullFault("transient", f"The pull of {image} broke off: {fault}") from fault
        try:
            found = await self.inspect_image(image)
        except NotFound as fault:
            raise PullFault(
                "transient", f"The pull of {image} ended without an error and without the image"
            ) from fault
        self.check_platform(image, found, platform)
        return found

    async def foreign_platform(self, image: str) -> str | None:
        """Of an image that is here and not made for this engine, which emulates it: as
        ``linux/arm64/v8``. None for all others.
        """
        try:
            found = await self.inspect_image(image)
        except NotFound:
            return None
        parts = (found.get("Os"), found.get("Architecture"), found.get("Variant"))
        made_for = found.get("Architecture") or self.architecture
        own = made_for == self.architecture or (self.architecture, made_for) in _ALSO_RUNS
        return None if own else "/".join(filter(None, parts))

    async def _stream_pull(  # noqa: PLR0913, PLR0917 - what a pull is made of
        self,
        repository: str,
        digest: str,
        auth: Auth | None,
        on_progress: OnProgress | None,
        platform: str | None,
        stall: float,
    ) -> None:
        call = Call(
            "POST",
            "images/create",
            params={
                **{"fromImage": repository, "tag": digest},
                **({"platform": platform} if platform else {}),
            },
            headers=auth_header(repository, auth),
            seconds=None,
            idle=stall,
        )
        async with self.send(call) as response:
            async for line in json_lines(response):
                detail = line.get("errorDetail") or {}
                message = detail.get("message") or line.get("error")
                if message:
                    raise pull_fault(f"{repository}@{digest}", None, str(message))
                if on_progress is not None and line.get("id"):
                    on_progress(_progress(line))

    def check_platform(
        self, image: str, found: Mapping[str, Any], platform: str | None = None
    ) -> None:
        """Raises PullFault where an image, as its inspect shows it, is neither for this engine nor
        for the `platform` that it emulates.
        """
        # Engines take an image of another platform where the reference is no index.
        made_for = found.get("Os") or self.os, found.get("Architecture") or self.architecture
        same = made_for[1] == self.architecture or (self.architecture, made_for[1]) in _ALSO_RUNS
        emulated = platform is not None and platform.split("/")[:2] == list(made_for)
        if made_for[0] != self.os or not (same or emulated):
            raise PullFault(
                "no_platform",
                f"{image} is made for {'/'.join(made_for)}, "
                f"the engine runs {self.os}/{self.architecture}",
            )


def auth_header(image: str, auth: Auth | None) -> dict[str, str]:
    """X-Registry-Auth; an engine that cannot read it goes on anonymously without a word."""
    if auth is None:
        return {}
    # Podman refuses a whole URL as the server's address: the bare host it is.
    content = {"serveraddress": parse_reference(image).registry}
    if auth.identity_token:
        content["identitytoken"] = auth.identity_token
    else:
        content |= {"username": auth.username, "password": auth.password}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(content).encode()).decode()}


def _progress(line: Mapping[str, Any]) -> LayerProgress:
    detail = line.get("progressDetail") or {}
    return LayerProgress(
        id=str(line["id"]),
        status=str(line.get("status", "")),
        current=detail.get("current"),
        total=detail.get("total"),
    )
