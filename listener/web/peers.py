"""Who is at the other end: the connection's address, or what a trusted proxy says it is."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network

from listener.providers.verify import parse_address


def client_address(
    peer: str | None, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]
) -> str | None:
    """The address of the client, as far back as the chain of proxies is trusted.

    `forwarded` are the values of ``X-Forwarded-For`` in the order of arrival. Each proxy adds the
    address it was called from at the end, so the chain is read backwards and ends with the first
    address that is no trusted proxy; what stands before it anybody may have written.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    client = peer
    while hops and _is_trusted(client, trusted):
        client = hops.pop()
    return client


def _is_trusted(peer: str | None, trusted: Sequence[IPv4Network | IPv6Network]) -> bool:
    address = parse_address(peer)
    return address is not None and any(address in network for network in trusted)
