"""Where a container is asked whether it works."""

from __future__ import annotations

import pytest

from listener.drivers.probes import container_address

OWN = {"IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2"}
ONLY_6 = {"IPAddress": "", "GlobalIPv6Address": "fd00::3"}


@pytest.mark.parametrize(
    ("mode", "networks", "address"),
    [
        ("shop", {"shop": OWN}, "172.18.0.2"),
        ("shop", {"six": ONLY_6, "shop": OWN}, "172.18.0.2"),
        ("six", {"six": ONLY_6}, "fd00::3"),
        ("host", {"host": {"IPAddress": ""}}, "127.0.0.1"),
        ("none", {"none": None}, ""),
    ],
)
def test_the_address_of_a_container(
    mode: str, networks: dict[str, dict[str, str] | None], address: str
) -> None:
    inspect = {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}
    assert container_address(inspect) == address
