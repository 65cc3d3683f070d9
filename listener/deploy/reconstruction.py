"""A journal from what the engine shows of a swap whose own journal was lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from listener.deploy.replicas import Replicas
from listener.deploy.scene import Brought, Scene
from listener.drivers.current import baseline_of, name_new, read_current
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.images import digest_in
from listener.drivers.names import WARM_ENDPOINTS, WARM_PREFIX
from listener.drivers.neighbours import Neighbours
from listener.drivers.networks import connects, endpoint_settings, network_name
from listener.drivers.snapshot import Snapshot
from listener.drivers.stage import before
from listener.drivers.strategy import choose_strategy
from listener.drivers.tags import split_tag
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Journal, NewContainer, OldContainer, Phase
from listener.model.reference import parse_reference
from listener.model.target import Memory, Strategy, Target

_LOST = "the journal of this swap was lost"
_BEGUN = (Phase.WATCH, Phase.HANDOVER, Phase.REVERT)
# Of several containers of a service the one that is to be gone on with.
_URGENCY = (Phase.RELEASE, Phase.TAG, *_BEGUN)

Document = dict[str, Any]


class Reconstruction:
    """Writes journals for one engine. Raises EngineAway and EngineError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._replicas = Replicas(engine)
        self._neighbours = Neighbours(engine)

    async def journal(self, scene: Scene, target: Target, phase: Phase) -> Journal:
        """A journal to go on at `phase`, as `Salvage.mend` found it.

        Raises CannotSwapError and ImpossibleStrategy where a swap is to begin whose target can no
        longer be swapped.
        """
        if phase in (Phase.RELEASE, Phase.TAG) and scene.brought is not None:
            return await self._beginning(scene, target, phase, scene.brought)
        old = await self._engine.inspect_container((scene.one("old") or {})["Id"])
        fresh = scene.own or scene.one("bad")
        new = await self._engine.inspect_container(fresh["Id"]) if fresh else None
        digest = await self._digest(new["Image"], target) if new else None
        deployment = _deployment(scene, target)
        made = datetime.fromisoformat(new["Created"]) if new else None
        neighbours = await self._neighbours.of(target.settings.service_of_compose, since=made)
        facts = {"from_digest": await self._digest(old["Image"], target), "to_digest": digest}
        return Journal(
            deployment=deployment.model_copy(update=facts),
            target=target,
            phase=phase,
            strategy=_strategy(scene, old),
            old=await self._old(scene, old, new, target),
            new=_new(old, new, digest),
            baseline=await baseline_of(self._engine, new["Id"]) if new else None,
            verdict=_LOST if phase is Phase.REVERT else None,
            sick=phase is Phase.REVERT,
            sick_kind="unhealthy" if phase is Phase.REVERT else None,
            neighbours=neighbours,
        )

    async def joined(self, journals: Sequence[Journal]) -> Journal:
        """One journal for all containers of a service: what one is taken back for, all are."""
        current = max(journals, key=lambda one: _URGENCY.index(one.phase))
        if current.new is None or current.phase is Phase.REVERT:
            pending: tuple[str, ...] = ()
        else:
            pending = await self._replicas.left(current.target, current.new)
        others = sorted(
            (one for one in journals if one is not current and one.phase in _BEGUN),
            key=lambda one: one.old.name if one.old else "",
        )
        # Some of them may have been replaced together: none of these has been proven yet.
        together = [one for one in others if _alike(one, current)]
        swapped = tuple(one.current for one in others if one not in together)
        joined = current.model_copy(update={"swapped": swapped}).with_batch(
            (current.current, *(one.current for one in together))
        )
        begun = {swap.old.name for swap in joined.swaps if swap.old}
        left = tuple(name for name in pending if name not in begun)
        return joined.model_copy(update={"pending": left})

    async def _beginning(
        self, scene: Scene, target: Target, phase: Phase, brought: Brought
    ) -> Journal:
        """A journal of a swap that has not touched the container that runs."""
        reference = brought.reference
        tag = None if "@" in reference else split_tag(reference)[1]
        digest = brought.digest or await self._digest(brought.image_id, target)
        old = await read_current(self._engine, target, Memory())
        new = await name_new(self._engine, target, tag, digest or brought.image_id)
        facts = {"from_digest": old.digest, "to_digest": digest, "tag": tag or target.tag}
        return Journal(
            deployment=_deployment(scene, target).model_copy(update=facts),
            target=target,
            phase=phase,
            strategy=choose_strategy(target.settings, before(old))[0],
            old=old,
            new=new.model_copy(update={"image_id": brought.image_id}),
            neighbours=await self._neighbours.of(target.settings.service_of_compose),
        )

    async def _old(
        self, scene: Scene, old: Document, new: Document | None, target: Target
    ) -> OldContainer:
        try:
            config = (await self._engine.inspect_image(old["Image"])).get("Config") or {}
        except NotFound:
            config = {}
        return OldContainer(
            id=old["Id"],
            name=scene.name,
            image_id=old["Image"],
            digest=await self._digest(old["Image"], target),
            image_config=config,
            inspect=_as_it_was(scene, old, new),
            was_running=True,
            was_healthy=True,
        )

    async def _digest(self, image_id: str, target: Target) -> str | None:
        try:
            image = await self._engine.inspect_image(image_id)
        except NotFound:
            return None
        return digest_in(image, parse_reference(target.spelling).name)


def disarmed(host_config: Mapping[str, Any]) -> bool:
    """Whether a HostConfig has no restart policy, as that of a parked container."""
    return (host_config.get("RestartPolicy") or {}).get("Name") in (None, "", "no")


def _deployment(scene: Scene, target: Target) -> Deployment:
    now = utc_now()
    return Deployment(
        id=f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{scene.deployment}",
        target=target.name,
        host=target.host,
        trigger=Trigger.RECONCILE,
        image=target.image,
        tag=target.tag,
        state=State.WATCHING,
        queued_at=now,
        started_at=now,
    )


def _alike(one: Journal, current: Journal) -> bool:
    """Whether one container is as far on the same way as another."""
    return one.phase is current.phase and one.strategy == current.strategy


def _strategy(scene: Scene, old: Document) -> Strategy:
    """How the swap was going on; one that has only to be watched or undone may be either."""
    if scene.network is not None or _lost_networks(old):
        return "warm"
    return "start-first" if old["State"].get("Running") else "recreate"


def _lost_networks(old: Document) -> bool:
    """Whether it was taken off its main network, which is the first to change hands."""
    of = Snapshot(old, None)
    return connects(of) and network_name(of) not in of.endpoints


def _as_it_was(scene: Scene, old: Document, new: Document | None) -> Document:
    """The old container's inspect with what the swap took from it."""
    host = dict(old["HostConfig"])
    if disarmed(host) and new is not None:
        host["RestartPolicy"] = new["HostConfig"].get("RestartPolicy")
    endpoints = dict(Snapshot(old, None).endpoints)
    if scene.network is not None:
        kept = json.loads((scene.network.get("Labels") or {}).get(WARM_ENDPOINTS) or "{}")
        endpoints = kept | endpoints
    if _lost_networks(old) and new is not None:
        # Somebody pruned the network that would tell: the new one has what the old one lost.
        taken = Snapshot(new, None)
        endpoints = {
            name: endpoint_settings(name, endpoint, taken)
            for name, endpoint in taken.endpoints.items()
            if not name.startswith(WARM_PREFIX)
        } | endpoints
    networks = {**old["NetworkSettings"], "Networks": endpoints}
    return {**old, "HostConfig": host, "NetworkSettings": networks}


def _new(old: Document, new: Document | None, digest: str | None) -> NewContainer:
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
