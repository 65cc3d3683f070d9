"""The host's part of a clone: everything is carried but what the engine fills in or echoes."""

from __future__ import annotations

from typing import Any

import pytest
from fragments import MASKED, NEW_API, OLD_API, OTHER, READONLY, container, endpoint, volume

from listener.drivers.clone import Setting, Snapshot, plan_clone

V2 = Setting((1, 51), cgroup_v2=True)
PODMAN = Setting((1, 41), podman=True)


def host_of(old: Snapshot, setting: Setting = OLD_API) -> dict[str, Any]:
    host: dict[str, Any] = plan_clone(old, "web:2", setting).body["HostConfig"]
    return host


def planned(field: str, value: Any, setting: Setting = OLD_API) -> Any:
    """What is posted of one field; the text "absent" for nothing."""
    return host_of(container(host={field: value}), setting).get(field, "absent")


PORT = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
GPU = [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]

ROWS: list[tuple[str, str, Any, Any, Setting]] = [
    ("random host port", "PortBindings", PORT, PORT, OLD_API),
    ("restart policy", "RestartPolicy", {"Name": "always"}, {"Name": "always"}, OLD_API),
    ("no policy", "RestartPolicy", {"Name": "", "MaximumRetryCount": 0}, "absent", OLD_API),
    (
        "retries only with on-failure",
        *("RestartPolicy", {"Name": "always", "MaximumRetryCount": 3}, {"Name": "always"}, OLD_API),
    ),
    (
        "on-failure",
        "RestartPolicy",
        {"Name": "on-failure", "MaximumRetryCount": 3},
        {"Name": "on-failure", "MaximumRetryCount": 3},
        OLD_API,
    ),
    ("--rm", "AutoRemove", True, True, OLD_API),
    ("runtime", "Runtime", "runc", "runc", OLD_API),
    ("GPUs", "DeviceRequests", GPU, GPU, OLD_API),
    ("masked paths of an engine", "MaskedPaths", MASKED, "absent", OLD_API),
    (
        "masked paths of a later engine",
        "MaskedPaths",
        [*MASKED, "/proc/interrupts", "/sys/devices/system/cpu/cpu0/thermal_throttle"],
        "absent",
        OLD_API,
    ),
    ("nothing masked", "MaskedPaths", [], [], OLD_API),
    ("an own path masked", "MaskedPaths", [*MASKED, "/x"], [*MASKED, "/x"], OLD_API),
    ("one path masked", "MaskedPaths", ["/proc/kcore"], ["/proc/kcore"], OLD_API),
    ("read-only paths of an engine", "ReadonlyPaths", READONLY, "absent", OLD_API),
    ("nothing read-only", "ReadonlyPaths", [], [], OLD_API),
    ("swappiness unset", "MemorySwappiness", -1, "absent", OLD_API),
    ("swappiness zero", "MemorySwappiness", 0, 0, OLD_API),
    ("swappiness zero on Podman", "MemorySwappiness", 0, "absent", PODMAN),
    ("swappiness on cgroup v2", "MemorySwappiness", 10, "absent", V2),
    ("kernel memory", "KernelMemory", 1 << 20, "absent", OLD_API),
    ("real-time period", "CpuRealtimePeriod", 1000, 1000, OLD_API),
    ("real-time period on cgroup v2", "CpuRealtimePeriod", 1000, "absent", V2),
    ("memory", "Memory", 1 << 26, 1 << 26, OLD_API),
    ("swap without end", "MemorySwap", -1, -1, OLD_API),
    ("init switched off", "Init", False, False, OLD_API),
    ("init by default", "Init", None, "absent", OLD_API),
    ("console size", "ConsoleSize", [24, 80], "absent", OLD_API),
    ("empty lists", "CapAdd", [], "absent", OLD_API),
    ("capabilities", "CapAdd", ["NET_ADMIN"], ["NET_ADMIN"], OLD_API),
    (
        "a device of Podman's",
        "Devices",
        [{"PathOnHost": "/dev/x", "PathInContainer": "/dev/x", "CgroupPermissions": ""}],
        [{"PathOnHost": "/dev/x", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}],
        OLD_API,
    ),
    (
        "limits of Podman's",
        "Ulimits",
        [{"Name": "RLIMIT_NOFILE", "Soft": 64, "Hard": 128}],
        [{"Name": "nofile", "Soft": 64, "Hard": 128}],
        OLD_API,
    ),
    ("links", "Links", ["/db:/me/alias"], ["db:alias"], OLD_API),
    ("links to a parked one", "Links", ["/db.old-0123abcd:/me/x"], ["db:x"], OLD_API),
    ("lent volumes", "VolumesFrom", ["store:ro"], ["store:ro"], OLD_API),
    ("tmpfs", "Tmpfs", {"/t": "size=1m"}, {"/t": "size=1m"}, OLD_API),
    ("sysctls", "Sysctls", {"net.core.somaxconn": "9"}, {"net.core.somaxconn": "9"}, NEW_API),
    ("default network", "NetworkMode", "default", "default", OLD_API),
    ("default network, new name", "NetworkMode", "default", "bridge", NEW_API),
    ("a field of a later engine", "Novelty", {"a": 1}, {"a": 1}, OLD_API),
]


@pytest.mark.parametrize(
    ("field", "value", "expected", "setting"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
def test_host(field: str, value: Any, expected: Any, setting: Setting) -> None:
    assert planned(field, value, setting) == expected


def test_what_cgroup_v2_cannot_keep_is_told() -> None:
    old = container(host={"CpuRealtimeRuntime": 500, "MemorySwappiness": -1})
    assert plan_clone(old, "web:2", V2).notes == (
        "CpuRealtimeRuntime is not carried: cgroup v2 has no such limit",
    )


def test_namespaces_follow_the_replaced_container() -> None:
    mode = f"container:{OTHER}"
    old = container(
        host={
            "NetworkMode": mode,
            "IpcMode": mode,
            "PidMode": mode,
            "VolumesFrom": [f"{OTHER}:ro"],
            "PortBindings": PORT,
            "Dns": ["9.9.9.9"],
            "ExtraHosts": ["a:10.0.0.1"],
        },
        networks={},
    )
    planned_host = host_of(old, Setting((1, 41), containers={OTHER: "fresh"}))
    assert {
        name: planned_host[name] for name in ("NetworkMode", "IpcMode", "PidMode")
    } == dict.fromkeys(("NetworkMode", "IpcMode", "PidMode"), "container:fresh")
    assert planned_host["VolumesFrom"] == ["fresh:ro"]
    assert not planned_host.keys() & {"PortBindings", "Dns", "ExtraHosts"}
    assert host_of(old)["NetworkMode"] == mode


def test_sysctls_of_eth0_move_to_the_main_network() -> None:
    sysctls = {"net.ipv4.conf.eth0.log_martians": "1", "net.core.somaxconn": "9"}
    old = container(host={"Sysctls": sysctls, "NetworkMode": "a"}, networks={"a": endpoint()})
    assert host_of(old)["Sysctls"] == sysctls
    body = plan_clone(old, "web:2", NEW_API).body
    assert body["HostConfig"]["Sysctls"] == {"net.core.somaxconn": "9"}
    assert body["NetworkingConfig"]["EndpointsConfig"]["a"]["DriverOpts"] == {
        "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"
    }


ANONYMOUS = "f" * 64
CARRIED = {"Type": "volume", "Source": ANONYMOUS, "Target": "/data"}
VOLUMES: list[tuple[str, dict[str, Any], dict[str, Any], Any, Any]] = [
    ("of the image", {"Volumes": {"/data/": {}}}, {}, None, [CARRIED]),
    ("of a bind without a source", {}, {"Binds": ["/data:rw"]}, None, [CARRIED]),
    (
        "of a mount without a source",
        {},
        {"Mounts": [{"Type": "volume", "Target": "/data", "VolumeOptions": {"NoCopy": True}}]},
        None,
        [CARRIED | {"VolumeOptions": {"NoCopy": True}}],
    ),
    ("named by a bind", {}, {"Binds": ["cache:/data/:ro"]}, ["cache:/data/:ro"], None),
    (
        "named by a mount",
        {},
        {"Mounts": [{"Type": "volume", "Source": "cache", "Target": "/data"}]},
        None,
        [{"Type": "volume", "Source": "cache", "Target": "/data"}],
    ),
    ("lent by another container", {}, {"VolumesFrom": ["store"]}, None, None),
    (
        "declared by itself beside lent ones",
        {"Volumes": {"/data": {}}},
        {"VolumesFrom": ["store"]},
        None,
        [CARRIED],
    ),
]


@pytest.mark.parametrize(
    ("config", "host", "binds", "mounts"), [pytest.param(*r[1:], id=r[0]) for r in VOLUMES]
)
def test_volumes(config: dict[str, Any], host: dict[str, Any], binds: Any, mounts: Any) -> None:
    old = container(config, host, mounts=[volume(ANONYMOUS, "/data")])
    body = host_of(old)
    assert body.get("Binds") == binds
    assert body.get("Mounts") == mounts


def test_a_read_only_volume_stays_read_only() -> None:
    old = container({"Volumes": {"/data": {}}}, mounts=[volume(ANONYMOUS, "/data", writable=False)])
    assert host_of(old)["Mounts"] == [CARRIED | {"ReadOnly": True}]
