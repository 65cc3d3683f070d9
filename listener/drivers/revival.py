"""Creates the container that ran before once more, where it is gone when it is needed again.

One that was started with --rm goes with its stop; others are removed by hand, by a prune or by
Compose while a deployment is under way. What the journal knows of it is enough: it is planned like
any clone, but from its own image and under its own image's name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from listener.drivers.clone import CloneError, Snapshot, new_reference, plan_clone
from listener.drivers.copies import carry_copies
from listener.drivers.current import CannotSwapError
from listener.drivers.difference import unexplained
from listener.drivers.errors import EngineError, NotFound
from listener.drivers.names import parked_name
from listener.drivers.stage import Stage, before, parts
from listener.drivers.tags import move_tag
from listener.faults import fault_point
from listener.model.journal import Journal


class Revival(Stage):
    """The verbs that bring back a container that is gone."""

    async def image_there(self, journal: Journal, image_id: str) -> bool:
        """Whether an image is on the engine, under the digest too where the container names one."""
        reference = spelled(journal)
        with suppress(NotFound):
            if "@" in reference:
                return bool((await self.engine.inspect_image(reference))["Id"] == image_id)
            return bool((await self.engine.inspect_image(image_id))["Id"])
        return False

    async def revive(
        self, journal: Journal, image_id: str, digest: str | None
    ) -> tuple[str, tuple[str, ...]]:
        """Creates it under the name of the parked one, not started, with everything it had.

        The local tag means its image afterwards. Answers the container's id and sentences on what
        could not be as it was. Raises CannotSwapError where it cannot be created.
        """
        old, _ = parts(journal)
        name = parked_name(old.name, "old", journal.deployment.id)
        await self._remove_half_made(name)
        setting = replace(self.setting(journal), images={old.image_id: image_id})
        reference = spelled(journal)
        if "@" in reference and digest is not None:
            reference = new_reference(reference, None, digest)
        try:
            clone = plan_clone(before(old), reference, setting)
            await move_tag(self.engine, reference, image_id)
            container, warnings = await self.make(name, clone.body)
            fault_point("reviving")
            for network, endpoint in clone.networks.items():
                await self.join(network, container, endpoint)
            made = Snapshot(await self.engine.inspect_container(container), old.image_config)
        except (CloneError, EngineError) as problem:
            raise CannotSwapError(
                f"{old.name} is gone and could not be created again: {problem}"
            ) from None
        if made.inspect["Image"] != image_id:
            raise CannotSwapError(f"someone moved {reference} while {old.name} was created again")
        notes = (*clone.notes, *warnings, *await self._copies(journal, made))
        # Better a container that differs in something than none.
        differences = unexplained(clone, before(old), made, setting)
        if differences and image_id == old.image_id:
            notes = (*notes, f"it differs from the one before in {', '.join(differences)}")
        return container, notes

    async def _remove_half_made(self, name: str) -> None:
        """Removes what a killed try left: one that was never started."""
        left = await self.find(name)
        if left is None:
            return
        if left["State"].get("Status") != "created":
            raise CannotSwapError(f"a container {name} is there that was not made for this")
        await self.engine.remove(left["Id"], volumes=True, force=True)

    async def _copies(self, journal: Journal, made: Snapshot) -> tuple[str, ...]:
        """Files that had been copied into it are in the new container, if that is still there."""
        old, new = parts(journal)
        source = await self.find(new.id)
        if source is None:
            return ()
        try:
            copied = await carry_copies(self.engine, Snapshot(source, old.image_config), made)
        except CannotSwapError as problem:
            return (str(problem),)
        return tuple(note.replace("old container", "new container") for note in copied)


def spelled(journal: Journal) -> str:
    """The image of the container that ran before, as its user spelled it."""
    old, _ = parts(journal)
    return str(old.inspect["Config"]["Image"])
