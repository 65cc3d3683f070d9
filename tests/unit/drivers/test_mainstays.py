"""Which containers the program stands on, told by the addresses that it uses."""

from __future__ import annotations

from typing import Any

import pytest

from listener.drivers.mainstays import Mainstay, mainstay_at, serves


def _summary(
    name: str, *, port: int | None = None, network: str = "n", **labels: str
) -> dict[str, Any]:
    return {
        "Id": name,
        "Names": [f"/{name}"],
        "Labels": {f"com.docker.compose.{key}": value for key, value in labels.items()},
        "Ports": [{"PrivatePort": 5000, "PublicPort": port, "Type": "tcp"}] if port else [],
        "NetworkSettings": {"Networks": {network: {"IPAddress": "172.20.0.7"}}},
    }


OWN = _summary("listener", project="tools", service="listener")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:secret@redis:6380/0", ("redis", 6380)),
        ("rediss://cache", ("cache", 6379)),
        ("tcp://socket-proxy:2375", ("socket-proxy", 2375)),
        ("//localhost:5000", ("localhost", 5000)),
        ("unix:///var/run/docker.sock", None),
        ("unix://user@/run/redis.sock", None),
    ],
)
def test_an_address_is_read_from_a_url(url: str, expected: tuple[str, int] | None) -> None:
    found = mainstay_at("it", url)
    assert (found and (found.host, found.port)) == expected


@pytest.mark.parametrize(
    ("host", "port", "summary", "own", "expected"),
    [
        ("redis", 6379, _summary("redis"), OWN, True),
        ("redis", 6379, _summary("web"), OWN, False),
        ("redis", 6379, _summary("redis", network="apart"), OWN, False),
        # Outside of a container no name leads to one.
        ("redis", 6379, _summary("redis"), None, False),
        ("redis", 6379, _summary("tools-redis-1", project="tools", service="redis"), OWN, True),
        ("redis", 6379, _summary("shop-redis-1", project="shop", service="redis"), OWN, False),
        ("172.20.0.7", 6379, _summary("db"), None, True),
        ("localhost", 5000, _summary("registry", port=5000), None, True),
        ("127.0.0.1", 5000, _summary("registry", port=5000), OWN, True),
        ("localhost", 5000, _summary("web", port=8000), None, False),
    ],
)
def test_a_container_is_known_by_name_service_address_or_port(
    host: str, port: int, summary: dict[str, Any], own: dict[str, Any] | None, expected: bool
) -> None:
    assert serves(summary, Mainstay("it", host, port), own) is expected
