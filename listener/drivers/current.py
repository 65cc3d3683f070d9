"""Reads the container that runs now, before anything changes: what it is, what it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from listener.drivers.clone import CloneError, new_reference
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.images import digest_in
from listener.model.base import utc_now
from listener.model.journal import Baseline, Journal, NewContainer, OldContainer
from listener.model.reference import parse_reference
from listener.model.target import Memory, Target

NAMESPACES = ("NetworkMode", "PidMode", "IpcMode")
"""Where a container may name another one, whose namespace it shares: ``container:ID``."""


_ID = re.compile("[0-9a-f]{64}")


class CannotSwapError(Exception):
    """The swap cannot go on; the message says why in one sentence."""


async def exactly(engine: Engine, ref: str) -> dict[str, Any] | None:
    """The inspect of the container with this id or name; None where there is none.

    The engine also takes the beginning of an id, which a name like `db` may be.
    """
    try:
        inspect = await engine.inspect_container(ref)
    except NotFound:
        return None
    except EngineError as fault:
        if "multiple ids found" in fault.message.lower():
            return None
        raise
    return inspect if ref in {inspect["Id"], str(inspect["Name"]).removeprefix("/")} else None


async def read_current(
    engine: Engine, target: Target, memory: Memory, container: str | None = None
) -> OldContainer:
    """The container that runs now, with the defaults of its image: `container`, if told which.

    Raises CannotSwapError where it could not be re-created faithfully or taken back.
    """
    name = container or target.container
    inspect = await exactly(engine, name)
    if inspect is None:
        raise CannotSwapError(f"there is no container {name}")
    image_id = inspect["Image"]
    image: dict[str, Any] = {}
    try:
        image = await engine.inspect_image(image_id)
        defaults = image.get("Config") or {}
    except NotFound:
        known = next((good for good in memory.good if good.image_id == image_id), None)
        if known is None:
            raise CannotSwapError(
                f"image {image_id} of container {name} is gone from the engine, so "
                "its defaults cannot be told from your settings; pull it again by its digest"
            ) from None
        defaults = known.image_config
    state = inspect["State"]
    return OldContainer(
        id=inspect["Id"],
        name=name,
        image_id=image_id,
        digest=_known_digest(target, image, image_id, memory),
        image_config=defaults,
        inspect=inspect,
        was_running=bool(state.get("Running") or state.get("Restarting")),
        was_healthy=_is_healthy(state, any(good.image_id == image_id for good in memory.good)),
    )


async def refuse_without_support(engine: Engine, old: OldContainer) -> None:
    """Raises CannotSwapError where a running container lives off one that does not run any more:
    once it is stopped, neither it nor its successor could be started.
    """
    host = old.inspect["HostConfig"]
    modes = [str(host.get(mode) or "") for mode in NAMESPACES]
    supports = [mode.removeprefix("container:") for mode in modes if mode.startswith("container:")]
    supports += [link.partition(":")[0].removeprefix("/") for link in host.get("Links") or ()]
    for support in supports if old.was_running else ():
        shown = support[:12] if _ID.fullmatch(support) else support
        try:
            runs = (await engine.inspect_container(support))["State"].get("Running")
        except NotFound:
            raise CannotSwapError(
                f"container {old.name} lives off container {shown}, which is gone: it could "
                "not be started again; create it anew, off one that runs"
            ) from None
        if not runs:
            raise CannotSwapError(
                f"container {old.name} lives off container {shown}, which does not run: it "
                "could not be started again; start that one first"
            )


def removes_itself(journal: Journal) -> bool:
    """Whether the containers of a swap were started with --rm: they go when they end."""
    return bool(journal.old and journal.old.inspect["HostConfig"].get("AutoRemove"))


async def name_new(engine: Engine, target: Target, tag: str | None, digest: str) -> NewContainer:
    """The new container's image in the user's own spelling, and what that name means now."""
    try:
        reference = new_reference(target.spelling, tag or target.tag, digest)
    except CloneError as problem:
        raise CannotSwapError(str(problem)) from None
    before = None
    if "@" not in reference:
        with suppress(NotFound):
            before = str((await engine.inspect_image(reference))["Id"])
    return NewContainer(digest=digest, reference=reference, tag_before=before)


def _is_healthy(state: Mapping[str, Any], known: bool) -> bool:
    """Whether a container is well; one that is still starting, if its image is `known` as good."""
    if not state.get("Running") or state.get("Restarting"):
        return False
    health = (state.get("Health") or {}).get("Status")
    return known if health == "starting" else health != "unhealthy"


def _known_digest(
    target: Target, image: Mapping[str, Any], image_id: str, memory: Memory
) -> str | None:
    """What ran, by the digest it was deployed under; an image may have gained others since."""
    for good in memory.good:
        if good.image_id == image_id:
            return good.digest
    return digest_in(image, parse_reference(target.spelling).name)


async def baseline_of(engine: Engine, container: str) -> Baseline:
    """What the health of a container that was just started is judged against."""
    inspect = await engine.inspect_container(container)
    return Baseline(
        container_id=inspect["Id"],
        started_at=inspect["State"]["StartedAt"],
        restart_count=inspect.get("RestartCount", 0),
        watch_began=utc_now(),
    )
