"""Recovery where the journal is lost: the names of containers tell how far a swap got.

What can be put back at once is put back; where a verdict is due, a journal is written anew and
the machine goes on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from listener.drivers.current import baseline_of
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.images import digest_in
from listener.drivers.names import Role, parse_parked
from listener.drivers.tags import split_tag
from listener.faults import fault_point
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Journal, NewContainer, OldContainer, Phase
from listener.model.reference import parse_reference
from listener.model.target import Target

log = structlog.get_logger(__name__)

_LOST = "the journal of this swap was lost"


@dataclass
class Scene:
    """The containers of one interrupted swap: those beside the target, and the target's own."""

    name: str
    own: dict[str, Any] | None = None
    beside: dict[Role, list[dict[str, Any]]] = field(default_factory=dict)
    deployments: set[str] = field(default_factory=set)

    def one(self, role: Role) -> dict[str, Any] | None:
        """The only container of a role."""
        return next(iter(self.beside.get(role, ())), None)


async def scenes(engine: Engine) -> list[Scene]:
    """All swaps that left containers beside a target."""
    found: dict[str, Scene] = {}
    own: dict[str, dict[str, Any]] = {}
    for summary in await engine.list_containers(all=True):
        name = str((summary.get("Names") or ["/"])[0]).removeprefix("/")
        parked = parse_parked(name)
        if parked is None:
            own[name] = summary
            continue
        scene = found.setdefault(parked.name, Scene(parked.name))
        scene.beside.setdefault(parked.role, []).append(summary)
        scene.deployments.add(parked.deployment)
    for scene in found.values():
        scene.own = own.get(scene.name)
    return list(found.values())


class Salvage:
    """Puts interrupted swaps right on one engine. Raises EngineAway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def mend(self, scene: Scene) -> Phase | None:
        """Puts back what needs no verdict; answers the phase to go on with where one is due."""
        if len(scene.beside.get("old", ())) > 1:
            log.error(
                "two parked containers: look at them and remove one",
                container=scene.name,
                parked=[summary["Names"][0][1:] for summary in scene.beside["old"]],
            )
            return None
        log.warning("mending a swap whose journal was lost", container=scene.name)
        new, old, bad = scene.one("new"), scene.one("old"), scene.one("bad")
        if new is not None:
            await self._remove_new(scene, new)
        if old is not None:
            return await self._mend_old(scene, old)
        if bad is not None:
            await self._mend_bad(scene, bad)
        return None

    async def _mend_old(self, scene: Scene, old: dict[str, Any]) -> Phase | None:
        own = scene.own
        if old["State"] == "running":
            if own is not None and own["State"] != "created":
                log.error("both containers run: stop one of them", container=scene.name)
                return None
            await self._take_place(scene, old)
            return None
        never_started = own is None or own["State"] == "created"
        if never_started and scene.one("bad") is None:
            # Nothing is known against the new image: reconcile may bring it again. Started before
            # it is renamed, for after another kill only the names tell that it has to be.
            await self._start(old)
            await self._take_place(scene, old)
            return None
        if own is not None and own["State"] == "running":
            sick = "(unhealthy)" in str(own.get("Status", ""))
            return Phase.REVERT if sick else Phase.WATCH
        return Phase.REVERT

    async def _take_place(self, scene: Scene, old: dict[str, Any]) -> None:
        if scene.own is not None:
            await self._remove_new(scene, scene.own)
        fault_point("vacated")
        await self._engine.rename(old["Id"], scene.name)

    async def _mend_bad(self, scene: Scene, bad: dict[str, Any]) -> None:
        own = scene.own
        if own is None:
            return
        before = (await self._engine.inspect_container(own["Id"]))["HostConfig"]
        failed = (await self._engine.inspect_container(bad["Id"]))["HostConfig"]
        if _disarmed(before) and not _disarmed(failed):
            await self._engine.update_restart_policy(own["Id"], failed["RestartPolicy"])
        if own["State"] != "running":
            await self._engine.stop(bad["Id"])
            fault_point("ended")
            await self._start(own)
        await self._remove_new(scene, bad)

    async def _start(self, before: dict[str, Any]) -> None:
        await self._engine.start(before["Id"])
        fault_point("revived")

    async def _remove_new(self, scene: Scene, new: dict[str, Any]) -> None:
        """Removes a container that shall not serve; the tag it moved means the old image again."""
        before = scene.own if scene.own is not None and scene.own is not new else scene.one("old")
        inspect = await self._engine.inspect_container(new["Id"])
        reference = inspect["Config"]["Image"]
        if before is not None and "@" not in reference and before["ImageID"] != new["ImageID"]:
            await self._put_back_tag(reference, new["ImageID"], before["ImageID"])
        await self._engine.remove(new["Id"], volumes=True, force=True)

    async def _put_back_tag(self, reference: str, wrong: str, right: str) -> None:
        with suppress(NotFound):
            if (await self._engine.inspect_image(reference))["Id"] == wrong:
                await self._engine.tag_image(right, *split_tag(reference))

    async def journal(self, scene: Scene, target: Target, phase: Phase) -> Journal:
        """A journal from what the engine shows, to go on at `phase`."""
        old = await self._engine.inspect_container((scene.one("old") or {})["Id"])
        fresh = scene.own or scene.one("bad")
        new = await self._engine.inspect_container(fresh["Id"]) if fresh else None
        now = utc_now()
        digest = await self._digest(new, target) if new else None
        deployment = Deployment(
            id=f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{min(scene.deployments)}",
            target=target.name,
            host=target.host,
            trigger=Trigger.RECONCILE,
            image=target.image,
            tag=target.tag,
            from_digest=await self._digest(old, target),
            to_digest=digest,
            state=State.WATCHING,
            queued_at=now,
            started_at=now,
        )
        return Journal(
            deployment=deployment,
            target=target,
            phase=phase,
            old=await self._old(scene.name, old, new, target),
            new=_new(old, new, digest),
            baseline=await baseline_of(self._engine, new["Id"]) if new else None,
            verdict=_LOST if phase is Phase.REVERT else None,
        )

    async def _old(
        self, name: str, old: dict[str, Any], new: dict[str, Any] | None, target: Target
    ) -> OldContainer:
        host = dict(old["HostConfig"])
        if _disarmed(host) and new is not None:
            host["RestartPolicy"] = new["HostConfig"].get("RestartPolicy")
        try:
            config = (await self._engine.inspect_image(old["Image"])).get("Config") or {}
        except NotFound:
            config = {}
        return OldContainer(
            id=old["Id"],
            name=name,
            image_id=old["Image"],
            digest=await self._digest(old, target),
            image_config=config,
            inspect={**old, "HostConfig": host},
            was_running=True,
            was_healthy=True,
        )

    async def _digest(self, container: dict[str, Any], target: Target) -> str | None:
        try:
            image = await self._engine.inspect_image(container["Image"])
        except NotFound:
            return None
        return digest_in(image, parse_reference(target.spelling).name)


def _disarmed(host_config: Mapping[str, Any]) -> bool:
    return (host_config.get("RestartPolicy") or {}).get("Name") in (None, "", "no")


def _new(old: dict[str, Any], new: dict[str, Any] | None, digest: str | None) -> NewContainer:
    spelling = old["Config"]["Image"]
    if new is None:
        return NewContainer(digest=digest or "", reference=spelling)
    reference = new["Config"]["Image"]
    return NewContainer(
        id=new["Id"],
        digest=digest or new["Image"],
        image_id=new["Image"],
        reference=reference,
        tag_before=old["Image"] if reference == spelling else None,
    )
