"""A container and its image as an engine shows them, with parts of the test's choice."""

from __future__ import annotations

from typing import Any

from listener.drivers.snapshot import Setting, Snapshot

ID = "3f1c0de4a5b6" + "0" * 52
OTHER = "9a8b7c6d5e4f" + "1" * 52
OLD_API = Setting((1, 41))
NEW_API = Setting((1, 51))

MASKED = [
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def endpoint(**parts: Any) -> dict[str, Any]:
    """One network of a running container: what the engine assigned, and the test's parts."""
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": None,
        "DriverOpts": None,
        "NetworkID": "ab" * 32,
        "EndpointID": "cd" * 32,
        "Gateway": "172.18.0.1",
        "IPAddress": "172.18.0.2",
        "MacAddress": "02:42:ac:12:00:02",
        "DNSNames": ["web", ID[:12]],
    } | parts


def container(
    config: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    *,
    networks: dict[str, Any] | None = None,
    mounts: list[dict[str, Any]] | None = None,
) -> Snapshot:
    """A container with a generated host name on the default network; parts replace that."""
    inspect = {
        "Id": ID,
        "Config": {"Hostname": ID[:12], "Image": "web:1", "Env": None, "Tty": False}
        | (config or {}),
        "HostConfig": {
            "NetworkMode": "default",
            "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
            "LogConfig": {"Type": "json-file", "Config": {}},
            "KernelMemory": 0,
            "ConsoleSize": [24, 80],
            "ShmSize": 67108864,
            "MaskedPaths": MASKED,
            "ReadonlyPaths": READONLY,
        }
        | (host or {}),
        "NetworkSettings": {"Networks": {"bridge": endpoint()} if networks is None else networks},
        "Mounts": mounts or [],
    }
    return Snapshot(inspect, image if image is not None else {})


def volume(name: str, target: str, *, writable: bool = True) -> dict[str, Any]:
    """A mount point that is a volume."""
    return {
        "Type": "volume",
        "Name": name,
        "Source": f"/var/lib/docker/volumes/{name}/_data",
        "Destination": target,
        "Driver": "local",
        "Mode": "",
        "RW": writable,
        "Propagation": "",
    }
