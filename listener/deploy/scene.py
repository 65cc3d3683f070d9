"""What an interrupted swap left on the engine, read from the names of containers and networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from listener.drivers.engine import Engine
from listener.drivers.names import WARM, WARM_PREFIX, Role, own_name, parse_parked

# Their removal failed half way: nobody goes back to them, and the next success removes them.
_WRECKS = frozenset({"dead", "removing"})


@dataclass(frozen=True, slots=True)
class Brought:
    """The image of a new container, and its name there; its digest where that was noted."""

    image_id: str
    reference: str
    digest: str | None


@dataclass
class Scene:
    """The containers of one interrupted swap: those beside the target, and the target's own.

    `networks` are those on which a new container of this target boots or booted, by deployment;
    both are as the engine lists them. `brought` is what a swap was to bring that was taken back
    to its beginning.
    """

    name: str
    own: dict[str, Any] | None = None
    beside: dict[Role, list[dict[str, Any]]] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    brought: Brought | None = None

    def one(self, role: Role) -> dict[str, Any] | None:
        """The only container of a role."""
        return next(iter(self.beside.get(role, ())), None)

    @property
    def deployment(self) -> str:
        """The eight characters of the deployment to go on with: the one that parked the old."""
        told = self.one("old") or self.one("bad") or self.one("new")
        parked = parse_parked(own_name(told)) if told else None
        return parked.deployment if parked else ""

    @property
    def network(self) -> dict[str, Any] | None:
        """The network of that deployment, where it has one."""
        return self.networks.get(self.deployment)


async def scenes(engine: Engine) -> list[Scene]:
    """All swaps that left something beside a target."""
    found: dict[str, Scene] = {}
    own: dict[str, dict[str, Any]] = {}
    for summary in await engine.list_containers(all=True):
        name = own_name(summary)
        parked = parse_parked(name)
        if parked is None:
            own[name] = summary
            continue
        if summary.get("State") in _WRECKS:
            continue
        scene = found.setdefault(parked.name, Scene(parked.name))
        scene.beside.setdefault(parked.role, []).append(summary)
    for network in await engine.list_networks({"label": [WARM]}):
        name = (network.get("Labels") or {}).get(WARM, "")
        deployment = str(network["Name"]).removeprefix(WARM_PREFIX).partition("-")[0]
        found.setdefault(name, Scene(name)).networks[deployment] = network
    for scene in found.values():
        scene.own = own.get(scene.name)
    return list(found.values())
