"""The host's part of a clone on a real engine: kept is what the user set, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cloning import Cloning
from rows import Check, host, same

from listener.drivers.errors import EngineError

ROWS: list[tuple[str, list[str], Check]] = [
    ("always restarted", ["--restart", "always"], same("RestartPolicy")),
    ("unless stopped", ["--restart", "unless-stopped"], same("RestartPolicy")),
    (
        "never restarted, under any of its names",
        ["--restart", "no"],
        lambda s: s.new.host["RestartPolicy"]["Name"] in {"", "no"},
    ),
    ("a log driver", ["--log-driver", "local", "--log-opt", "max-file=2"], same("LogConfig")),
    ("no log", ["--log-driver", "none"], host("LogConfig", {"Type": "none", "Config": {}})),
    ("a runtime", ["--runtime", "runc"], same("Runtime")),
    ("control groups of its own", ["--cgroupns", "private"], same("CgroupnsMode")),
    ("a parent of its control group", ["--cgroup-parent", "lt-clone"], same("CgroupParent")),
    ("memory shared with nobody", ["--ipc", "none"], same("IpcMode")),
    ("memory that others may share", ["--ipc", "shareable"], same("IpcMode")),
    ("the machine's processes", ["--pid", "host"], same("PidMode")),
    ("the machine's users", ["--userns", "host"], same("UsernsMode")),
    ("shared memory", ["--shm-size", "32m"], host("ShmSize", 32 << 20)),
    ("a limit of processes", ["--pids-limit", "50"], host("PidsLimit", 50)),
    (
        "no limit of processes, under any of its names",
        ["--pids-limit", "-1"],
        lambda s: (s.new.host["PidsLimit"] or 0) <= 0,
    ),
    ("half a processor", ["--cpus", "0.5"], host("NanoCpus", 500_000_000)),
    (
        "a quota of a period",
        ["--cpu-period", "50000", "--cpu-quota", "25000"],
        same("CpuPeriod", "CpuQuota"),
    ),
    ("one processor", ["--cpuset-cpus", "0", "--cpu-shares", "9"], same("CpusetCpus", "CpuShares")),
    ("swap without end", ["-m", "64m", "--memory-swap", "-1"], same("Memory", "MemorySwap")),
    ("a soft limit of memory", ["--memory-reservation", "32m"], same("MemoryReservation")),
    ("the last to be killed", ["--oom-score-adj", "-100"], same("OomScoreAdj")),
    (
        "limits of a process",
        ["--ulimit", "nofile=100:200"],
        host("Ulimits", [{"Name": "nofile", "Hard": 200, "Soft": 100}]),
    ),
    ("rights more and less", ["--cap-add", "NET_ADMIN", "--cap-drop", "ALL"], same("CapAdd")),
    ("no new rights", ["--security-opt", "no-new-privileges"], same("SecurityOpt")),
    ("no filter of calls", ["--security-opt", "seccomp=unconfined"], same("SecurityOpt")),
    ("everything allowed", ["--privileged"], same("Privileged", "SecurityOpt")),
    ("a root that is not written to", ["--read-only"], host("ReadonlyRootfs", True)),
    ("groups", ["--group-add", "44"], host("GroupAdd", ["44"])),
    ("a device", ["--device", "/dev/null:/dev/nil:r"], same("Devices")),
    ("a rule for devices", ["--device-cgroup-rule", "c 1:3 r"], same("DeviceCgroupRules")),
    ("graphics cards", ["--gpus", "all"], same("DeviceRequests")),
    ("a kernel setting", ["--sysctl", "net.core.somaxconn=9"], same("Sysctls")),
    ("an init", ["--init"], host("Init", True)),
    (
        "servers and names of its own",
        ["--dns", "9.9.9.9", "--dns-search", "a.org", "--add-host", "x:10.0.0.1"],
        same("Dns", "DnsSearch", "ExtraHosts"),
    ),
    (
        "a range of host ports stays a range",
        ["-p", "127.0.0.1:18600-18610:9000"],
        host("PortBindings", {"9000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18600-18610"}]}),
    ),
    (
        "two host ports for one, and both protocols",
        ["-p", "18611:9000", "-p", "18612:9000", "-p", "18611:9000/udp"],
        same("PortBindings"),
    ),
]


@pytest.mark.parametrize(("options", "check"), [pytest.param(*r[1:], id=r[0]) for r in ROWS])
async def test_the_clone_keeps_what_the_user_set(
    bench: Cloning, options: list[str], check: Check
) -> None:
    swapped = await bench.swap(bench.create(*options))
    assert swapped.differences == []
    assert check(swapped), swapped.new.host


async def test_nothing_that_the_engine_filled_in_is_posted_as_the_users(bench: Cloning) -> None:
    container = bench.create()
    bench.run(container)
    body = (await bench.swap(container)).clone.body["HostConfig"]
    # These the daemon's configuration filled in at the first create; they are the same there.
    of_the_daemon = {"NetworkMode", "LogConfig", "Runtime", "CgroupnsMode", "IpcMode", "ShmSize"}
    assert body.keys() - of_the_daemon == {"Mounts"}
    assert [mount["Target"] for mount in body["Mounts"]] == ["/data"]


@pytest.mark.parametrize("options", [["-p", "127.0.0.1::9000"], ["-P"]], ids=" ".join)
async def test_a_port_that_was_drawn_is_not_pinned(bench: Cloning, options: list[str]) -> None:
    container = bench.create(*options)
    bench.run(container)
    swapped = await bench.swap(container)
    drawn = swapped.old.inspect["NetworkSettings"]["Ports"]
    ports = [bound["HostPort"] for all in drawn.values() for bound in all or ()]
    assert ports
    assert not any(port in str(swapped.clone.body["HostConfig"]) for port in ports)
    assert (swapped.new.host["PortBindings"] or {}) == swapped.old.host["PortBindings"]


async def test_what_the_engine_discards_it_says(bench: Cloning) -> None:
    # Every engine here lacks one of them.
    limits = {"BlkioWeight": 300, "KernelMemoryTCP": 1 << 24, "OomKillDisable": True}
    name = bench.name()
    body = {"Image": bench.images["2"], "HostConfig": limits}
    _, warnings = await bench.engine.create_container(name, body)
    bench.docker("rm", "-v", name)
    assert warnings


async def test_a_bind_mount_whose_source_is_gone_is_refused_at_create(
    bench: Cloning, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    container = bench.create("--mount", f"type=bind,source={source},target=/bound")
    source.rmdir()
    with pytest.raises(EngineError, match="bind source path does not exist"):
        await bench.swap(container)
    assert not source.exists()


async def test_the_host_port_of_a_clone_answers_although_the_image_exposes_it_no_more(
    bench: Cloning,
) -> None:
    container = bench.create("-p", "127.0.0.1::80")
    swapped = await bench.swap(container)
    bench.run(swapped.new.inspect["Id"])
    running = await bench.snapshot(swapped.new.inspect["Id"])
    assert running.inspect["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
