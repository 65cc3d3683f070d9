"""Holds images on the engine, so that a rollback needs no registry.

No name keeps an image from `docker image prune -a`; only a container does. So each good image of
a target is held by a container that is never started. `docker container prune` and `docker system
prune` take such a container; then the image is held, or pulled, again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from listener.drivers.clone import hold_body
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineError, NotFound
from listener.drivers.names import HOLD_PREFIX, PIN, hold_name, hold_tag
from listener.model.base import utc_now
from listener.model.reference import parse_reference
from listener.model.target import Good


class Holds:
    """The held images of one engine, each for the `pin` of a target. Methods raise EngineAway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def tag(self, pin: str, digest: str, image_id: str) -> None:
        """Gives a pulled image a name, so that `docker image prune` leaves it meanwhile."""
        await self._engine.tag_image(image_id, *hold_tag(pin, digest))

    async def hold(self, pin: str, good: Good) -> str | None:
        """Holds an image; fine where it is held. Answers what kept it from being held."""
        try:
            await self.tag(pin, good.digest, good.image_id)
            platform = await self._engine.foreign_platform(good.image_id)
            name, body = hold_name(pin, good.digest), hold_body(pin, good)
            await self._engine.create_container(name, body, platform)
        except Conflict:
            return None
        except EngineError as problem:
            return f"image {good.digest} is not held for a rollback: {problem}"
        return None

    async def keep_only(self, pin: str, digests: Sequence[str], repository: str) -> None:
        """Lets go of all other images of a target; those that nothing else uses are removed.

        `repository` is the name that this program pulled them under.
        """
        kept = {hold_name(pin, digest) for digest in digests}
        for summary in await self._engine.list_containers(
            all=True, filters={"label": [f"{PIN}={pin}"]}
        ):
            name = summary["Names"][0].removeprefix("/")
            labels = summary.get("Labels") or {}
            digest = labels.get(f"{PIN}.digest", "")
            if not name.startswith(HOLD_PREFIX) or name in kept or not digest:
                continue
            await self._engine.remove(summary["Id"], volumes=True, force=True)
            if f"{PIN}.deployment" in labels:
                tag = labels.get(f"{PIN}.tag")
                await self.let_go(pin, digest, summary["ImageID"], repository, tag)
            else:
                await self._unname(pin, digest, summary["ImageID"])

    async def _unname(self, pin: str, digest: str, image_id: str) -> None:
        """Takes our name off an image that somebody else brought, unless it is the last one.

        It is not ours to remove; where a tag moved on, the containerd store keeps no other name.
        """
        repository, tag = hold_tag(pin, digest)
        try:
            image = await self._engine.inspect_image(image_id)
        except NotFound:
            return
        names = (*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ()))
        ours = parse_reference(repository).name
        if any(parse_reference(name).name != ours for name in names):
            await self._engine.untag(f"{repository}:{tag}")

    async def let_go(
        self, pin: str, digest: str, image_id: str, repository: str, tag: str | None
    ) -> None:
        """Removes the names that an image got by a deployment, and so the image.

        One that has a further name is left: somebody gave it, or another target holds it.
        """
        await self._engine.untag(":".join(hold_tag(pin, digest)))
        try:
            image = await self._engine.inspect_image(image_id)
        except NotFound:
            return
        names = {name: parse_reference(name) for name in image.get("RepoTags") or ()}
        # The containerd store counts a reference by digest, which every pull makes, among the tags.
        if any(
            name.name != repository or (name.tag != tag and name.digest is None)
            for name in names.values()
        ):
            return
        for name in (*names, f"{repository}@{digest}"):
            await self._engine.untag(name)

    async def held(self, pin: str) -> list[Good]:
        """What is held for a target, newest first: what is left when all else is lost."""
        found = []
        for summary in await self._engine.list_containers(
            all=True, filters={"label": [f"{PIN}={pin}"]}
        ):
            labels = summary.get("Labels") or {}
            try:
                image = await self._engine.inspect_image(summary["ImageID"])
            except NotFound:
                continue
            found.append(
                Good(
                    digest=labels.get(f"{PIN}.digest", ""),
                    tag=labels.get(f"{PIN}.tag") or None,
                    image_id=summary["ImageID"],
                    image_config=image.get("Config") or {},
                    at=_moment(labels.get(f"{PIN}.at")),
                )
            )
        return sorted((good for good in found if good.digest), key=lambda g: g.at, reverse=True)


def _moment(text: str | None) -> datetime:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return utc_now()
