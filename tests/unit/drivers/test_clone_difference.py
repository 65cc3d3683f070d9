"""What a created container may differ in from the old one, and what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from fragments import NEW_API, OTHER, container, endpoint, volume

from listener.drivers.clone import Snapshot, plan_clone
from listener.drivers.difference import unexplained

OLD_IMAGE = {"Env": ["A=1"], "User": "7", "Labels": {"v": "1"}, "Volumes": {"/data": {}}}
NEW_IMAGE = {"Env": ["A=2"], "User": "8", "Labels": {"v": "2"}, "Volumes": {"/more": {}}}
CARRIED = {"Type": "volume", "Source": "f" * 64, "Target": "/data"}


def old() -> Snapshot:
    return container(
        {"Env": ["OWN=secret", "A=1"], "User": "7", "Labels": {"v": "1", "own": "x"}},
        {"NetworkMode": "a", "CapAdd": ["NET_ADMIN"]},
        OLD_IMAGE,
        networks={"a": endpoint(Aliases=["web"], IPAMConfig={"IPv4Address": "172.18.0.9"})},
        mounts=[volume("f" * 64, "/data")],
    )


def new(
    config: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    networks: dict[str, Any] | None = None,
    mounts: list[dict[str, Any]] | None = None,
) -> Snapshot:
    """The faithful clone of `old`, with parts of the test's choice."""
    made = container(
        {
            "Hostname": OTHER[:12],
            "Image": "web:2",
            "Env": ["OWN=secret", "A=2"],
            "User": "8",
            "Labels": {"v": "2", "own": "x"},
        }
        | (config or {}),
        {"NetworkMode": "a", "CapAdd": ["CAP_NET_ADMIN"], "Mounts": [CARRIED]} | (host or {}),
        NEW_IMAGE,
        networks=networks
        or {"a": endpoint(Aliases=["web"], IPAMConfig={"IPv4Address": "172.18.0.9"})},
        mounts=mounts or [volume("f" * 64, "/data"), volume("e" * 64, "/more")],
    )
    return Snapshot({**made.inspect, "Id": OTHER}, made.image_config)


def differences(made: Snapshot) -> list[str]:
    return unexplained(plan_clone(old(), "web:2", NEW_API), old(), made, NEW_API)


def test_a_faithful_clone_has_none() -> None:
    assert differences(new()) == []


ROWS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("another image", {"config": {"Image": "web:3"}}, ["Config.Image"]),
    ("a lost variable, without its value", {"config": {"Env": ["A=2"]}}, ["Config.Env.OWN"]),
    (
        "a default of the old image",
        {"config": {"Env": ["OWN=secret", "A=1"], "User": "7"}},
        ["Config.Env.A", "Config.User"],
    ),
    ("a lost label", {"config": {"Labels": {"v": "2"}}}, ["Config.Labels.own"]),
    ("a default of the daemon", {"host": {"CgroupnsMode": "private"}}, []),
    (
        "log options of the daemon",
        {"host": {"LogConfig": {"Type": "json-file", "Config": {"a": "1"}}}},
        [],
    ),
    ("another log driver", {"host": {"LogConfig": {"Type": "none"}}}, ["HostConfig.LogConfig"]),
    ("a lost capability", {"host": {"CapAdd": None}}, ["HostConfig.CapAdd"]),
    ("masked paths of a later engine", {"host": {"MaskedPaths": ["/proc/kcore"]}}, []),
    (
        "a lost network",
        {"networks": {"b": endpoint()}},
        [f"NetworkSettings.Networks.{n}" for n in "ab"],
    ),
    (
        "a lost alias and a lost address",
        {"networks": {"a": endpoint(Aliases=[OTHER[:12]])}},
        [f"NetworkSettings.Networks.a.{part}" for part in ("Aliases", "IPAMConfig")],
    ),
    (
        "a fresh volume over the data",
        {"mounts": [volume("0" * 64, "/data"), volume("e" * 64, "/more")]},
        ["Mounts./data"],
    ),
    (
        "a volume that nobody asked for",
        {"mounts": [volume("f" * 64, "/data"), volume("e" * 64, "/odd")]},
        ["Mounts./odd"],
    ),
]


@pytest.mark.parametrize(("parts", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS])
def test_difference(parts: dict[str, Any], expected: list[str]) -> None:
    assert differences(new(**parts)) == expected
