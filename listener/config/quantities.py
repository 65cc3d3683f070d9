"""How the file writes addresses, sizes, networks and names."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from listener.model.base import Noun
from listener.model.reference import BadReference, make_reference

_SIZE = re.compile(r"(\d{1,12})\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?")
_BYTES = {
    None: 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*):(\d{1,5})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_WILDCARDS = {"", "0.0.0.0", "::"}


def parse_size(value: object) -> int:
    """Bytes in a text such as ``1MiB``, ``512KiB``, ``2MB`` or a bare number of bytes.

    Raises ValueError with a sentence that shows how to write it.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a size: write it like 1MiB, 512KiB or 1000000 (bytes)")
    return int(found[1]) * _BYTES[found[2]]


Size = Annotated[
    int,
    Field(ge=1),
    BeforeValidator(parse_size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["1MiB", "512KiB"]}),
]
"""A size: written with or without a unit, held as bytes."""


class Address(Noun):
    """Where a port listens: ``host:port``; an absent host is every interface."""

    host: str
    port: int

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"host", "port"}:
            return value
        found = _ADDRESS.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{value!r} is not an address: write it like 127.0.0.1:8080")
        return {"host": found[1].strip("[]") or "0.0.0.0", "port": int(found[2])}

    @model_validator(mode="after")
    def _a_port(self) -> Self:
        if self.port > 65535:
            raise ValueError(f"{self.port} is not a port: the highest is 65535")
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def collides(self, other: Address) -> bool:
        """Whether the two cannot listen at the same time; port 0 means any free one."""
        if self.port != other.port or self.port == 0:
            return False
        mine, theirs = ("127.0.0.1" if a.host == "localhost" else a.host for a in (self, other))
        return mine == theirs or bool({mine, theirs} & _WILDCARDS)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_network(value: object) -> IPv4Network | IPv6Network:
    """A network in CIDR form or one address; raises ValueError with a sentence."""
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not a network: write it like 10.0.0.0/8") from None
    if loose.prefixlen == 0:
        raise ValueError(f"{value} lets everybody in: say unauthenticated: true instead")
    if str(loose.network_address) != str(ip_address(text.partition("/")[0])):
        raise ValueError(f"{value} has bits set beyond its prefix (did you mean {loose}?)")
    return loose


Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(parse_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8"]}),
]
"""A network that senders may come from."""


def is_name(text: str) -> bool:
    """Whether the text can name a hook, a target, a container or a host: safe in URLs and keys."""
    return _NAME.fullmatch(text) is not None


def parse_registry_host(value: object) -> str:
    """A registry's ``host[:port]`` in normal form; raises ValueError with a sentence."""
    text = value.strip() if isinstance(value, str) else ""
    try:
        return make_reference(text, "image", None, None).registry
    except BadReference:
        raise ValueError(
            f"{value!r} is not a registry host: write it like registry.example.com:5000, "
            "without https:// and path"
        ) from None


RegistryHost = Annotated[str, BeforeValidator(parse_registry_host)]
"""A registry's host, in normal form."""
