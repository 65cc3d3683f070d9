"""Recovery where the journal is lost: the names of containers tell how far a swap got.

What can be put back at once is put back; where a verdict is due, a journal is written anew and
the machine goes on with it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from listener.deploy.reconstruction import disarmed
from listener.deploy.scene import Brought, Scene
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.names import own_name
from listener.drivers.neighbours import Neighbours
from listener.drivers.stage import Stage
from listener.drivers.tags import split_tag
from listener.drivers.twin import TWIN, TWIN_DIGEST, TWIN_REFERENCE
from listener.faults import fault_point
from listener.model.journal import Phase
from listener.model.target import Target

_NEVER = "0001-"
"""How the time of something begins that never was."""

log = structlog.get_logger(__name__)


class Salvage:
    """Puts interrupted swaps right on one engine. Raises EngineAway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def mend(self, scene: Scene, target: Target) -> Phase | None:
        """Puts back what needs no verdict; answers the phase to go on with where one is due."""
        if len(scene.beside.get("old", ())) > 1:
            log.error(
                "two parked containers: look at them and remove one",
                container=scene.name,
                parked=[own_name(summary) for summary in scene.beside["old"]],
            )
            return None
        log.warning("mending a swap whose journal was lost", container=scene.name)
        old, bad = scene.one("old"), scene.one("bad")
        made = scene.one("new") or (scene.own if old is not None else None)
        if old is None and bad is None and target.settings.release and _released(scene):
            # It must not run twice: its container, which is there, is waited for.
            scene.brought = await self._brought(scene.beside["new"][0])
            return Phase.RELEASE
        for new in scene.beside.get("new", ()):
            await self._remove_new(scene, new)
        phase = None
        if old is not None:
            phase = await self._mend_old(scene, old, made)
        elif bad is not None:
            await self._mend_bad(scene, bad)
        if phase is None and made is not None:
            await Neighbours(self._engine).wake(made)
        await self.clear_networks(scene, going_on=phase is not None)
        if phase is None and bad is None and target.settings.release and scene.brought:
            # Its release command has run, and must not do so twice: reconcile would begin anew.
            return Phase.TAG
        return phase

    async def clear_networks(self, scene: Scene, *, going_on: bool = False) -> None:
        """Removes the networks on which nothing is, but that of a swap that goes on."""
        for deployment, network in scene.networks.items():
            if going_on and deployment == scene.deployment:
                continue
            with suppress(NotFound):
                if not (await self._engine.inspect_network(network["Id"])).get("Containers"):
                    await self._engine.remove_network(network["Id"])

    async def _mend_old(
        self, scene: Scene, old: dict[str, Any], made: dict[str, Any] | None
    ) -> Phase | None:
        own = scene.own
        never_started = own is None or own["State"] == "created"
        if never_started and scene.one("bad") is None:
            # Nothing is known against the new image: reconcile may bring it again. Started before
            # it is renamed, for after another kill only the names tell that it has to be.
            if own is not None and old["State"] == "running":
                # The names are changed and the stop comes next: the engine may be at it, for ten
                # seconds and more after who asked for it was killed, and would end what serves.
                inspect = await self._engine.inspect_container(old["Id"])
                await self._engine.stop(old["Id"])
                if inspect["HostConfig"].get("AutoRemove"):
                    # Stopping it has removed it: what there is to go on with is the new one.
                    await self._start(own)
                    return None
                await self._start(old)
            elif old["State"] != "running" and not await self._rested(old, made):
                await self._start(old)
            await self._take_place(scene, old)
            return None
        if own is None or own["State"] != "running" or "(unhealthy)" in str(own.get("Status", "")):
            return Phase.REVERT
        return Phase.HANDOVER if old["State"] == "running" else Phase.WATCH

    async def _rested(self, old: dict[str, Any], made: dict[str, Any] | None) -> bool:
        """Whether the old one did not run before the swap either: the new one is made first.

        One that never ran may be a copy that was made on a way back, to be started.
        """
        inspect = await self._engine.inspect_container(old["Id"])
        ended = str(inspect["State"].get("FinishedAt", ""))
        if not ended or ended.startswith(_NEVER):
            return False
        return made is not None and datetime.fromisoformat(ended).timestamp() < int(made["Created"])

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
        if disarmed(before) and not disarmed(failed):
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
        brought = await self._brought(new)
        reference = brought.reference
        if before is not None and TWIN not in (new.get("Labels") or {}):
            scene.brought = brought
        if before is not None and "@" not in reference and before["ImageID"] != new["ImageID"]:
            await self._put_back_tag(reference, new["ImageID"], before["ImageID"])
        await Stage(self._engine).dispose(new["Id"])

    async def _brought(self, new: dict[str, Any]) -> Brought:
        labels = new.get("Labels") or {}
        # The list shows an id where the tag has moved on.
        inspect = await self._engine.inspect_container(new["Id"])
        reference = labels.get(TWIN_REFERENCE) or inspect["Config"]["Image"]
        return Brought(new["ImageID"], reference, labels.get(TWIN_DIGEST))

    async def _put_back_tag(self, reference: str, wrong: str, right: str) -> None:
        with suppress(NotFound):
            if (await self._engine.inspect_image(reference))["Id"] == wrong:
                await self._engine.tag_image(right, *split_tag(reference))


def _released(scene: Scene) -> bool:
    """Whether a release command was begun and nothing came after it."""
    new, own = scene.one("new"), scene.own
    if new is None or own is None or own["State"] not in {"running", "restarting"}:
        return False
    return new["State"] != "created" and (new.get("Labels") or {}).get(TWIN) == "release"
