"""How the new container takes over from the old one, and why: pure.

- recreate: stop the old one, start the new one. Always possible, and has a gap.
- start-first: the new one runs beside the old one and takes its name when it is healthy. For
  clients that find it by name, or a proxy that follows its labels.
- warm: the new one boots on a network of its own; when it is healthy the networks change hands.
  The gap is short whatever the boot time, published ports included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from listener.drivers.networks import connects, joins_container, network_name
from listener.drivers.snapshot import Snapshot
from listener.model.journal import OldContainer
from listener.model.target import Health, Strategy, TargetSettings

_PROXY_LABELS = ("traefik.", "caddy")


class ImpossibleStrategy(Exception):
    """The strategy that was asked for cannot be done with this container; a sentence."""


def choose_strategy(
    settings: TargetSettings, old: Snapshot, dependents: Sequence[OldContainer] = ()
) -> tuple[Strategy, str]:
    """The strategy and the reason for it, for the record; `dependents` live off the container.

    Raises ImpossibleStrategy where the target asks for one that its container does not allow.
    """
    asked = settings.strategy
    if asked == "recreate":
        return "recreate", "as configured"
    if asked == "auto":
        reason = next(_doubts(settings.health, old, dependents), None)
        if reason is None:
            return "start-first", "it has a health check and a proxy that follows it"
        return "recreate", reason
    obstacle = next(_obstacles(asked, old, dependents), None)
    if obstacle is not None:
        raise ImpossibleStrategy(f"strategy {asked} is not possible: {obstacle}")
    return asked, "as configured"


def _obstacles(asked: Strategy, old: Snapshot, dependents: Sequence[OldContainer]) -> Iterator[str]:
    """What makes two containers at once impossible, whatever the user wishes."""
    yield from _network_obstacles(old)
    if dependents:
        yield f"{', '.join(one.name for one in dependents)} lives off it"
    if old.host.get("AutoRemove"):
        yield "it was started with --rm, so stopping it removes it"
    if asked == "start-first":
        if ports := published(old):
            yield f"it publishes port {ports[0]}, which only one container can have"
        if any(_static(endpoint) for endpoint in old.endpoints.values()):
            yield "it has an address of its own, which only one container can have"
    if old.config.get("MacAddress"):
        # A MAC address given at connect is ignored before API 1.54.
        yield "it has a MAC address of its own, which only one container can have"


def _network_obstacles(old: Snapshot) -> Iterator[str]:
    if joins_container(old):
        yield "it lives in the network of another container"
    elif not connects(old):
        yield f"it has the network mode {network_name(old)}"


def _doubts(health: Health, old: Snapshot, dependents: Sequence[OldContainer]) -> Iterator[str]:
    """Why `auto` does not run two at once; the first one is told."""
    yield from _network_obstacles(old)
    if network_name(old) == "bridge":
        yield "it is on the default network, where nobody finds it by name"
    yield from _obstacles("start-first", old, dependents)
    writable = _writable(old)
    if writable:
        yield f"two of them would write to {writable}"
    if old.host.get("Devices") or old.host.get("DeviceRequests"):
        yield "it has a device of its own"
    if not (_is_checked(old) or health.http or health.tcp or health.exec):
        yield "it has no health check, so nobody could tell when the new one is ready"
    if not _proxied(old):
        yield "no label says that a proxy in front of it follows the new one"


def published(of: Snapshot) -> list[str]:
    """The host ports that the container asks for, as a user writes them."""
    ports = []
    for port, bindings in (of.host.get("PortBindings") or {}).items():
        ports += [binding.get("HostPort") or port for binding in bindings or ()]
    return ports


def _static(endpoint: Any) -> bool:
    wanted = endpoint.get("IPAMConfig") or {}
    return bool(wanted.get("IPv4Address") or wanted.get("IPv6Address"))


def _writable(old: Snapshot) -> str | None:
    """The first path at which both would write to the same place."""
    for point in old.inspect.get("Mounts") or ():
        if point.get("RW") and point.get("Type") in ("bind", "volume", "npipe", "cluster"):
            return str(point.get("Destination"))
    return None


def _is_checked(old: Snapshot) -> bool:
    test = (old.config.get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def _proxied(old: Snapshot) -> bool:
    labels = old.config.get("Labels") or {}
    return any(
        name == known or name.startswith(known) for name in labels for known in _PROXY_LABELS
    )
