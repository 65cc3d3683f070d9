"""Creates the new container beside the old one and proves that it is what was planned."""

from __future__ import annotations

from dataclasses import replace

from listener.drivers.clone import CloneError, Snapshot, plan_clone
from listener.drivers.copies import carry_copies
from listener.drivers.current import CannotSwapError
from listener.drivers.difference import unexplained
from listener.drivers.errors import EngineError
from listener.drivers.names import parked_name
from listener.drivers.snapshot import Setting
from listener.drivers.stage import Stage, before, parts, refuse_started
from listener.model.journal import Journal


class Creation(Stage):
    """The verb between the pull and the first change of what serves."""

    async def create(self, journal: Journal) -> tuple[str, tuple[str, ...]]:
        """Creates the new container beside the old one and compares it with the plan.

        Files that were copied into the old one before its start are copied into the new one.
        Answers its id, and the engine's warnings and what was done beside the plan. Raises
        CannotSwapError where the engine refuses or made something else than was planned; what was
        made is removed by the way back.
        """
        old, new = parts(journal)
        current = await self.find(old.id)
        refuse_started(old, current)
        if current is None:
            raise CannotSwapError(f"someone removed {old.name} before the swap began")
        name = parked_name(old.name, "new", journal.deployment.id)
        await self.engine.remove(name, volumes=True, force=True)
        try:
            setting = await self._setting(journal)
            clone = plan_clone(before(old), new.reference, setting)
            for network in self.endpoints(journal):
                # The engine takes the name of one that is gone, and finds out at the start.
                await self.engine.inspect_network(network)
            container_id, warnings = await self.make(name, clone.body)
            for network, endpoint in clone.networks.items():
                await self.engine.connect_network(network, container_id, endpoint)
            inspect = await self.engine.inspect_container(container_id)
            image = await self.engine.inspect_image(new.image_id)
        except (CloneError, EngineError) as problem:
            raise CannotSwapError(f"the new container could not be created: {problem}") from None
        if inspect["Image"] != new.image_id:
            raise CannotSwapError(
                f"someone moved {new.reference} on this engine while the container was created"
            )
        made = Snapshot(inspect, image.get("Config") or {})
        copied = await carry_copies(self.engine, before(old), made)
        differences = unexplained(clone, before(old), made, setting)
        if differences:
            raise CannotSwapError(
                "the engine made another container than planned; it differs in "
                + ", ".join(differences)
            )
        return container_id, (*clone.notes, *copied, *warnings)

    async def _setting(self, journal: Journal) -> Setting:
        """What surrounds the swap; and by which other name Compose may know the new image."""
        old, new = parts(journal)
        setting = self.setting(journal)
        # Newer releases of Compose note the platform's manifest instead of what was pulled.
        manifest = str((old.inspect.get("ImageManifestDescriptor") or {}).get("digest", ""))
        if manifest and manifest in (old.inspect["Config"].get("Labels") or {}).values():
            after = await self.engine.platform_digest(new.image_id)
            if after is not None:
                setting = replace(setting, images={**setting.images, manifest: after})
        return setting
