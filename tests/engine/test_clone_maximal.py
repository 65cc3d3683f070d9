"""One container with everything set: its clone differs in nothing, and a lost field is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloning import NEW_DEFAULTS, OLD_DEFAULTS, Cloning, without

from listener.drivers.clone import plan_clone
from listener.drivers.difference import unexplained
from listener.drivers.errors import EngineError
from listener.drivers.hostconfig import RESIDUE

PROCESS = [
    *("--hostname", "maximal", "--domainname", "example.org", "--user", "0:0"),
    *("--workdir", "/bin", "-e", "OWN=1", "-e", "OVERRIDDEN=mine", "-e", "TAKEN_AWAY"),
    *("-e", "SHARED=", "-l", "own=1", "-l", "org.example.kept=mine", "-t", "-i"),
    *("--entrypoint", "", "--stop-signal", "SIGINT", "--stop-timeout", "3"),
    *("--health-cmd", "true", "--health-interval", "5s", "--health-retries", "4"),
    *("--health-start-period", "6s", "--health-timeout", "3s", "--expose", "9001"),
]
LIMITS = [
    *("--memory", "64m", "--memory-reservation", "32m", "--memory-swap", "-1"),
    *("--memory-swappiness", "10", "--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0"),
    *("--pids-limit", "50", "--ulimit", "nofile=100:200", "--oom-score-adj", "100"),
    *("--shm-size", "32m", "--oom-kill-disable", "--blkio-weight", "300"),
]
RIGHTS = [
    *("--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges"),
    *("--read-only", "--group-add", "44", "--device", "/dev/null:/dev/nil:r", "--init"),
    *("--device-cgroup-rule", "c 1:3 r", "--sysctl", "net.core.somaxconn=100"),
    *("--ipc", "shareable", "--pid", "host", "--userns", "host", "--restart", "on-failure:3"),
    *("--cgroup-parent", "lt-clone", "--cgroupns", "private"),
]
SURROUNDINGS = [
    *("--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "tag=x"),
    *("--dns", "9.9.9.9", "--dns-search", "example.org", "--dns-option", "ndots:2"),
    *("--add-host", "other:10.0.0.1", "-p", "127.0.0.1::9000", "-p", "127.0.0.1::80/udp", "-P"),
]
COMMAND = ("/bin/sh", "-c", "sleep 1000")

INSENSITIVE = {"Runtime", "OomKillDisable", "BlkioWeight"}
"""What the engine fills in with the same value, or cannot keep on this kernel."""


async def make(bench: Cloning, tmp_path: Path) -> str:
    """Creates and starts the container."""
    main, prefix = bench.network("--ipv6", "--subnet", "fd00:c10e::/64")
    second, second_prefix = bench.network()
    image = await bench.engine.inspect_image(bench.images["1"])
    named = bench.volume()
    (tmp_path / "bound").mkdir()
    container = bench.create(
        *PROCESS,
        *LIMITS,
        *RIGHTS,
        *SURROUNDINGS,
        *("-l", f"com.docker.compose.image={image['Id']}"),
        *("-v", f"{tmp_path / 'bound'}:/bound:ro", "-v", f"{named}:/named", "-v", "/anonymous"),
        *("--mount", "type=volume,target=/sourceless,volume-nocopy"),
        *("--mount", f"type=bind,source={tmp_path},target=/tree,bind-propagation=private"),
        *("--mount", "type=tmpfs,target=/mem,tmpfs-size=65536,tmpfs-mode=1770"),
        *("--tmpfs", "/scratch:size=1m"),
        *("--network", main, "--network-alias", "web", "--ip", f"{prefix}.77"),
        *("--ip6", "fd00:c10e::77", "--link-local-ip", "169.254.77.77"),
        command=COMMAND,
    )
    bench.docker(
        "network", "connect", "--alias", "api", "--ip", f"{second_prefix}.88", second, container
    )
    bench.run(container)
    return container


async def test_the_clone_of_a_maximal_container_differs_in_nothing(
    bench: Cloning, tmp_path: Path
) -> None:
    container = await make(bench, tmp_path)
    image = await bench.engine.inspect_image(bench.images["2"])
    setting = await bench.setting()
    old = await bench.snapshot(container)
    setting = replace(setting, images={old.inspect["Image"]: image["Id"]})
    swapped = await bench.swap(container, setting=setting)

    assert swapped.differences == []
    assert _raw_differences(swapped.old.config, swapped.new.config) == {
        "Image": bench.images["2"],
        "Env": swapped.new.config["Env"],
        "Labels": {
            **NEW_DEFAULTS["Labels"],
            "own": "1",
            "org.example.kept": "mine",
            "com.docker.compose.image": image["Id"],
        },
        "ExposedPorts": {port: {} for port in ("82/tcp", "9000/tcp", "9001/tcp", "80/udp")},
        "Volumes": {"/more": {}},
    }
    assert set(swapped.new.config["Env"]) == {
        *("OWN=1", "OVERRIDDEN=mine", "TAKEN_AWAY", "SHARED=", "PATH=/bin", "ONLY_NEW=1")
    }
    assert _raw_differences(swapped.old.host, swapped.new.host).keys() == {"Mounts"}
    for network, endpoint in swapped.old.endpoints.items():
        assert swapped.new.endpoints[network]["IPAMConfig"] == endpoint["IPAMConfig"]
    for snapshot in (swapped.old, swapped.new):
        # The engine itself adds the host name and the short id.
        added = {"maximal", snapshot.short_id}
        aliases = [sorted(set(end["Aliases"]) - added) for end in snapshot.endpoints.values()]
        assert sorted(aliases) == [["api"], ["web"]]

    bench.docker("rm", "-f", container)
    bench.run(swapped.new.inspect["Id"])
    running = await bench.snapshot(swapped.new.inspect["Id"])
    assert running.inspect["State"]["Running"]
    assert unexplained(swapped.clone, swapped.old, running, setting) == []


async def test_a_clone_of_a_clone_is_the_same_again(bench: Cloning, tmp_path: Path) -> None:
    container = await make(bench, tmp_path)
    first = await bench.swap(container)
    second = await bench.swap(first.new.inspect["Id"], image="1")
    assert second.differences == []
    back = _raw_differences(first.old.config, second.new.config)
    assert back.keys() <= {"Volumes", "ExposedPorts", "Env"}
    assert set(second.new.config["Env"]) == set(first.old.config["Env"])
    assert second.new.config["ExposedPorts"] == first.old.config["ExposedPorts"]
    assert set(OLD_DEFAULTS["Volumes"]) <= set(second.new.config["Volumes"])


async def test_every_lost_field_is_named(bench: Cloning, tmp_path: Path) -> None:
    container = await make(bench, tmp_path)
    setting = await bench.setting()
    old = await bench.snapshot(container)
    clone = plan_clone(old, bench.images["2"], setting)
    paths = list(_fields(clone.body))
    assert len(paths) > 60
    unnamed = []
    for path in paths:
        broken = without(clone, *path)
        try:
            new = await bench.make(broken)
        except EngineError:
            continue
        differences = unexplained(clone, old, new, setting)
        if not any(path[-1] in found or _within(path, found) for found in differences):
            unnamed.append((path, differences))
        bench.docker("rm", "-f", "-v", new.inspect["Id"])
    assert {path[-1] for path, _ in unnamed} <= INSENSITIVE, unnamed


async def test_a_lost_network_is_named(bench: Cloning, tmp_path: Path) -> None:
    container = await make(bench, tmp_path)
    setting = await bench.setting()
    old = await bench.snapshot(container)
    clone = plan_clone(old, bench.images["2"], setting)
    main = clone.body["HostConfig"]["NetworkMode"]
    second = next(name for name in old.endpoints if name != main)
    if clone.networks:
        new = await bench.make(replace(clone, networks={}))
    else:
        new = await bench.make(without(clone, "NetworkingConfig", "EndpointsConfig", second))
    assert unexplained(clone, old, new, setting) == [f"NetworkSettings.Networks.{second}"]


def _fields(body: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Every field of the body, and every entry of its objects."""
    for name, value in body.items():
        if name in {"HostConfig", "NetworkingConfig"}:
            yield from ((name, *path) for path in _fields(value))
            continue
        if name == "EndpointsConfig":
            for network, endpoint in value.items():
                yield from ((name, network, part) for part in endpoint)
            continue
        if name != "Image":
            yield (name,)
        if isinstance(value, dict) and name in {"Labels", "ExposedPorts", "Healthcheck", "Tmpfs"}:
            yield from ((name, key) for key in value)


def _within(path: tuple[str, ...], found: str) -> bool:
    """Whether a difference names the field that holds the path, or what it mounts or merges."""
    holder = path[1] if path[0] == "HostConfig" else path[0]
    return holder in found.split(".")


def _raw_differences(old: Any, new: Any) -> dict[str, Any]:
    """What differs between two objects of the engine, without any of the rules."""
    empty: tuple[Any, ...] = (None, "", 0, False, [], {})
    return {
        name: new.get(name)
        for name in (old.keys() | new.keys()) - RESIDUE
        if old.get(name) != new.get(name)
        and not (old.get(name) in empty and new.get(name) in empty)
    }
