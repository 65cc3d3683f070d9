"""A throw-away container from the new image: to prove it, or to run one command in it.

It stands beside the target under the name of its new container, has none of its labels (a proxy
would lead people to it), publishes nothing and is never restarted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from listener.drivers.clone import Clone, CloneError, plan_clone
from listener.drivers.copies import carry_copies
from listener.drivers.current import CannotSwapError, baseline_of
from listener.drivers.errors import EngineError
from listener.drivers.names import parked_name
from listener.drivers.networks import connects
from listener.drivers.snapshot import Snapshot
from listener.drivers.stage import Stage, before, networks_of, parts
from listener.faults import fault_point
from listener.model.journal import Baseline, Journal

TWIN = "listener.twin"
"""The label of a twin: what it is for."""
TWIN_DIGEST, TWIN_REFERENCE = f"{TWIN}.digest", f"{TWIN}.reference"
"""The labels of what it was made for: the new image's digest, and its name in the target."""
_OWN_ADDRESS = ("Aliases", "IPAMConfig", "MacAddress")


class Twin(Stage):
    """The verbs of a twin. All raise EngineAway; CannotSwapError where it cannot be made."""

    async def prove(self, journal: Journal) -> Baseline:
        """Starts a twin that serves nobody; what its health is judged against.

        What the target writes to is not at risk: binds are read-only, and volumes empty ones of
        the twin's own. Raises StartError.
        """
        clone = self._clone(journal)
        host = clone.body["HostConfig"]
        binds, mounts = host.get("Binds") or (), host.get("Mounts") or ()
        host["Binds"] = [_read_only(bind) for bind in binds if _is_path(bind)]
        fresh = [_volume(bind.split(":")[1]) for bind in binds if not _is_path(bind)]
        host["Mounts"] = [*map(_harmless, mounts), *fresh]
        if host.get("VolumesFrom"):
            host["VolumesFrom"] = [f"{name.partition(':')[0]}:ro" for name in host["VolumesFrom"]]
        if not self.has_address(journal):
            # On the machine's own network it would fight for the port that is served.
            host["NetworkMode"] = "none"
        container = await self._make(journal, "preflight", clone)
        inspect = await self.engine.inspect_container(container)
        if not inspect["State"].get("Running"):
            await self.start(container)
        fault_point("twin-started")
        return await baseline_of(self.engine, container)

    def has_address(self, journal: Journal) -> bool:
        """Whether a twin has a network of its target's, where a probe finds it."""
        return connects(before(parts(journal)[0]))

    async def run(self, journal: Journal, command: Sequence[str]) -> None:
        """Starts one command with the target's environment, networks and mounts.

        It is never started twice, whatever ends this process in between. Raises StartError.
        """
        clone = self._clone(journal)
        clone.body["Entrypoint"], clone.body["Cmd"] = [""], list(command)
        clone.body["Healthcheck"] = {"Test": ["NONE"]}
        container = await self._make(journal, "release", clone)
        inspect = await self.engine.inspect_container(container)
        if inspect["State"].get("Status") == "created":
            fault_point("release-created")
            await self.start(container)
        fault_point("release-started")

    async def inspect(self, journal: Journal) -> dict[str, Any] | None:
        """The twin as it is now; None where there is none."""
        return await self.find(_name(journal))

    async def remove(self, journal: Journal) -> None:
        """Removes the twin with its volumes; fine where there is none."""
        await self.dispose(_name(journal))

    def _clone(self, journal: Journal) -> Clone:
        old, new = parts(journal)
        try:
            clone = plan_clone(before(old), new.image_id, self.setting(journal))
        except CloneError as problem:
            raise CannotSwapError(f"a twin cannot be made: {problem}") from None
        for name in ("ExposedPorts", "Hostname", "MacAddress"):
            clone.body.pop(name, None)
        for name in ("PortBindings", "PublishAllPorts", "AutoRemove"):
            clone.body["HostConfig"].pop(name, None)
        clone.body["HostConfig"]["RestartPolicy"] = {"Name": "no"}
        at_create = clone.body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
        for endpoint in (*at_create.values(), *clone.networks.values()):
            for part in _OWN_ADDRESS:
                endpoint.pop(part, None)
        return clone

    async def _make(self, journal: Journal, purpose: str, clone: Clone) -> str:
        """The twin for a purpose, created if it is not there; another one gives way."""
        there = await self.inspect(journal)
        if there is not None and (there["Config"].get("Labels") or {}).get(TWIN) != purpose:
            await self.remove(journal)
            there = None
        old, new = parts(journal)
        labels = {TWIN: purpose, TWIN_DIGEST: new.digest, TWIN_REFERENCE: new.reference}
        try:
            if there is None:
                body = {**clone.body, "Labels": labels}
                await self.make(_name(journal), body)
                fault_point("twin-created")
                there = await self.engine.inspect_container(_name(journal))
            # One that has run is left as it is.
            if there["State"].get("Status") == "created":
                for network in clone.networks.keys() - networks_of(there).keys():
                    await self.join(network, there["Id"], clone.networks[network])
                await carry_copies(self.engine, before(old), Snapshot(there, None))
        except EngineError as problem:
            raise CannotSwapError(f"a twin could not be created: {problem}") from None
        return str(there["Id"])


def _name(journal: Journal) -> str:
    old, _ = parts(journal)
    return parked_name(old.name, "new", journal.deployment.id)


def _is_path(bind: str) -> bool:
    return bind.startswith("/")


def _read_only(bind: str) -> str:
    source, target, *options = bind.split(":")
    kept = [one for one in ",".join(options).split(",") if one and one not in ("rw", "ro")]
    return ":".join((source, target, ",".join([*kept, "ro"])))


def _harmless(mount: Mapping[str, Any]) -> dict[str, Any]:
    if mount.get("Type") == "volume":
        return _volume(mount["Target"])
    return {**mount, "ReadOnly": True} if mount.get("Type") == "bind" else dict(mount)


def _volume(target: str) -> dict[str, Any]:
    return {"Type": "volume", "Target": target}
