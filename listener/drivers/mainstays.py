"""Containers that this program itself stands on: its Redis, the way to its engine, its registries.

Told from addresses alone, so a container that only resembles one may be among them: whoever wants
it replaced names it in the configuration's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Summary = Mapping[str, Any]

_PORTS = {"redis": 6379, "rediss": 6379, "tcp": 2375, "http": 80, "https": 443}


class Mainstay(NamedTuple):
    """One address, and what it is to this program."""

    what: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only whoever is on the same machine, or in the same container, gets there."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def mainstay_at(what: str, url: str) -> Mainstay | None:
    """What stands behind a URL; None for a socket of this machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme == "unix":
        return None
    try:
        port = parts.port
    except ValueError:
        return None
    return Mainstay(what, parts.hostname, port or _PORTS.get(parts.scheme, 443))


def serves(summary: Summary, mainstay: Mainstay, own: Summary | None) -> bool:
    """Whether a container, as the engine lists it, is what stands behind an address.

    `own` is the container that this program runs in: without one only ports that are published
    lead from here to a container, and its addresses.
    """
    if mainstay.loopback:
        return mainstay.port in _published(summary)
    if mainstay.host in _addresses(summary):
        return True
    if own is None or _networks(summary).isdisjoint(_networks(own)):
        return False  # names lead nowhere but on a network that both are on
    return mainstay.host in _names(summary, own)


def _names(summary: Summary, own: Summary) -> Iterator[str]:
    """What a container is called on a network: by its name, and by its service in a project."""
    for name in summary.get("Names") or ():
        yield name.rpartition("/")[2]
    project = _label(summary, "project")
    if project and project == _label(own, "project"):
        yield _label(summary, "service")


def _label(summary: Summary, key: str) -> str:
    return str((summary.get("Labels") or {}).get(f"com.docker.compose.{key}", ""))


def _addresses(summary: Summary) -> set[str]:
    networks = (summary.get("NetworkSettings") or {}).get("Networks") or {}
    return {one["IPAddress"] for one in networks.values() if one and one.get("IPAddress")}


def _networks(summary: Summary) -> set[str]:
    return set((summary.get("NetworkSettings") or {}).get("Networks") or {})


def _published(summary: Summary) -> set[int]:
    return {port["PublicPort"] for port in summary.get("Ports") or () if port.get("PublicPort")}
