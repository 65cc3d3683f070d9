"""Clones of small containers, one for each trap of re-creation, made by the real engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cloning import NEW_DEFAULTS, OLD_DEFAULTS, PATH, Cloning, Swapped
from rows import Check, config, host

from listener.demo.engine import EngineTrouble
from listener.drivers.clone import Clone, hold_body
from listener.model.base import utc_now
from listener.model.target import Good


def hostname_is_its_own(swapped: Swapped) -> bool:
    return bool(swapped.new.config["Hostname"] == swapped.new.short_id)


def env(swapped: Swapped) -> set[str]:
    return set(swapped.new.config["Env"])


def exposes(*ports: str) -> Check:
    return lambda swapped: set(swapped.new.config["ExposedPorts"]) == set(ports)


ALL_NEW = {
    name: NEW_DEFAULTS[name]
    for name in ("Entrypoint", "Cmd", "User", "WorkingDir", "StopSignal", "ExposedPorts")
}
NEW_ENV = set(NEW_DEFAULTS["Env"])

ROWS: list[tuple[str, list[str], tuple[str, ...], Check]] = [
    (
        "nothing set: every default is the new image's",
        [],
        (),
        lambda s: (
            all(s.new.config[name] == value for name, value in ALL_NEW.items())
            and env(s) == NEW_ENV
            and s.new.config["Labels"] == NEW_DEFAULTS["Labels"]
            and s.new.config["Healthcheck"] == NEW_DEFAULTS["Healthcheck"]
        ),
    ),
    ("a generated host name is not pinned", [], (), hostname_is_its_own),
    ("a host name", ["--hostname", "mine"], (), config("Hostname", "mine")),
    (
        "variables: own, overridden, empty and taken away",
        ["-e", "OWN=1", "-e", "OVERRIDDEN=2", "-e", "SHARED=", "-e", "TAKEN_AWAY"],
        (),
        lambda s: env(s) == {PATH, "OWN=1", "OVERRIDDEN=2", "SHARED=", "TAKEN_AWAY", "ONLY_NEW=1"},
    ),
    (
        "a command under the image's entrypoint",
        [],
        ("sleep 5",),
        lambda s: (
            s.new.config["Cmd"] == ["sleep 5"]
            and s.new.config["Entrypoint"] == NEW_DEFAULTS["Entrypoint"]
        ),
    ),
    (
        "an own entrypoint keeps even the command that equals the image's",
        ["--entrypoint", "/bin/true"],
        ("sleep 1001",),
        lambda s: (
            s.new.config["Cmd"] == ["sleep 1001"] and s.new.config["Entrypoint"] == ["/bin/true"]
        ),
    ),
    (
        "an own entrypoint without a command",
        ["--entrypoint", "/bin/true"],
        (),
        lambda s: not s.new.config["Cmd"] and s.new.config["Entrypoint"] == ["/bin/true"],
    ),
    (
        "a cleared entrypoint",
        ["--entrypoint", ""],
        ("/bin/sleep", "5"),
        lambda s: s.new.config["Cmd"] == ["/bin/sleep", "5"] and not s.new.config["Entrypoint"],
    ),
    (
        "no health check",
        ["--no-healthcheck"],
        (),
        lambda s: s.new.config["Healthcheck"]["Test"] == ["NONE"],
    ),
    (
        "one field of the health check",
        ["--health-retries", "9"],
        (),
        config("Healthcheck", NEW_DEFAULTS["Healthcheck"] | {"Retries": 9}),
    ),
    (
        "user, directory, signals",
        ["-u", "5", "-w", "/mine", "--stop-signal", "SIGINT", "--stop-timeout", "0"],
        (),
        lambda s: (
            [s.new.config[n] for n in ("User", "WorkingDir", "StopSignal", "StopTimeout")]
            == ["5", "/mine", "SIGINT", 0]
        ),
    ),
    (
        "labels",
        ["-l", "own=1", "-l", "org.example.kept=mine"],
        (),
        config(
            "Labels",
            NEW_DEFAULTS["Labels"] | {"own": "1", "org.example.kept": "mine"},
        ),
    ),
    (
        "a random port stays random",
        ["-p", "127.0.0.1::9000"],
        (),
        lambda s: (
            s.new.host["PortBindings"]["9000/tcp"][0]["HostPort"] in {"", "0"}
            and "9000/tcp" in s.new.config["ExposedPorts"]
        ),
    ),
    (
        "a published port that the new image no longer exposes",
        ["-p", "127.0.0.1::80"],
        (),
        lambda s: set(s.new.config["ExposedPorts"]) == {"80/tcp", "82/tcp"},
    ),
    ("all ports", ["-P"], (), host("PublishAllPorts", True)),
    ("--rm", ["--rm"], (), host("AutoRemove", True)),
    (
        "a restart policy",
        ["--restart", "on-failure:3"],
        (),
        host("RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
    ),
    ("init switched off", ["--init=false"], (), host("Init", False)),
    ("the machine's network", ["--network", "host"], (), host("NetworkMode", "host")),
    ("no network", ["--network", "none"], (), host("NetworkMode", "none")),
    ("the machine's host name", ["--uts", "host"], (), host("UTSMode", "host")),
    ("privileged", ["--privileged"], (), host("MaskedPaths", None)),
    (
        "nothing of /proc hidden",
        ["--security-opt", "systempaths=unconfined"],
        (),
        lambda s: s.new.host["MaskedPaths"] == s.new.host["ReadonlyPaths"] == [],
    ),
    ("no swap", ["-m", "64m", "--memory-swap", "64m"], (), host("MemorySwap", 64 << 20)),
    ("swap as it comes", ["-m", "64m"], (), host("MemorySwap", 128 << 20)),
    ("swappiness zero", ["--memory-swappiness", "0"], (), host("MemorySwappiness", 0)),
    (
        "a temporary file system",
        ["--tmpfs", "/t:size=1m,mode=1770"],
        (),
        host("Tmpfs", {"/t": "size=1m,mode=1770"}),
    ),
    ("a terminal", ["-t", "-i"], (), config("Tty", True)),
    (
        "an open input",
        ["-i", "-a", "stdin"],
        (),
        lambda s: (
            [s.new.config[n] for n in ("OpenStdin", "StdinOnce", "AttachStdin")] == [True] * 3
        ),
    ),
    ("a domain", ["--domainname", "example.org"], (), config("Domainname", "example.org")),
    (
        "variables that are the image's by name only",
        ["-e", "ONLY_OLD=mine"],
        (),
        lambda s: env(s) == NEW_ENV | {"ONLY_OLD=mine"},
    ),
    (
        "a health check of its own without the old image's pace",
        ["--health-cmd", "cat"],
        (),
        config("Healthcheck", NEW_DEFAULTS["Healthcheck"] | {"Test": ["CMD-SHELL", "cat"]}),
    ),
    ("a port exposed and not published", ["--expose", "9001"], (), exposes("82/tcp", "9001/tcp")),
    ("a port that was exposed by the old image only", [], (), exposes("82/tcp")),
]


@pytest.mark.parametrize(
    ("options", "command", "check"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
async def test_the_clone_keeps_what_the_user_set(
    bench: Cloning, options: list[str], command: tuple[str, ...], check: Check
) -> None:
    container = bench.create(*options, command=command)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    assert check(swapped), (swapped.new.config, swapped.new.host)


async def test_data_in_anonymous_volumes_stays(bench: Cloning) -> None:
    kinds = ["-u", "0", "-v", "/plain", "--mount", "type=volume,target=/mounted"]
    container = bench.create(
        *kinds,
        command=("echo kept > /data/f; echo kept > /plain/f",),
    )
    bench.docker("start", "-a", container)
    swapped = await bench.swap(container)
    before = {p["Destination"]: p["Name"] for p in swapped.old.inspect["Mounts"]}
    now = {p["Destination"]: p["Name"] for p in swapped.new.inspect["Mounts"]}
    assert swapped.differences == []
    assert set(before) == {"/data", "/plain", "/mounted"}
    assert before.items() <= now.items()
    assert set(now) - set(before) == {"/more"}
    bench.docker("rm", "-v", container)
    reader = bench.create(
        "-u", "0", "--volumes-from", swapped.new.inspect["Id"], command=("cat /data/f /plain/f",)
    )
    assert bench.docker("start", "-a", reader).split() == ["kept", "kept"]


async def test_a_link_is_written_by_the_linked_containers_own_name(bench: Cloning) -> None:
    linked = bench.create()
    bench.run(linked)
    container = bench.create("--link", f"{linked}:db")
    bench.docker("rename", linked, f"{linked}.old-0123abcd")
    replacement = await bench.swap(linked + ".old-0123abcd")
    bench.docker("rename", replacement.new.inspect["Id"], linked)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    assert swapped.new.host["Links"] == [f"/{linked}:{swapped.new.inspect['Name']}/db"]


async def test_a_container_in_anothers_namespaces_follows_its_replacement(bench: Cloning) -> None:
    parent = bench.create("--ipc", "shareable")
    child = bench.create(
        *("--network", f"container:{parent}", "--ipc", f"container:{parent}"),
        *("--pid", f"container:{parent}"),
    )
    moved = await bench.swap(parent)
    old_id, new_id = moved.old.inspect["Id"], moved.new.inspect["Id"]
    setting = replace(await bench.setting(), containers={old_id: new_id})
    swapped = await bench.swap(child, setting=setting)
    assert swapped.differences == []
    for mode in ("NetworkMode", "IpcMode", "PidMode"):
        assert swapped.new.host[mode] == f"container:{new_id}"


async def test_a_mac_address_of_the_users_choice(bench: Cloning) -> None:
    chosen = "02:42:0a:00:00:99"
    body: dict[str, Any] = {"Image": bench.images["1"]}
    if bench.engine.api < (1, 44):
        body["MacAddress"] = chosen
    else:
        body["NetworkingConfig"] = {"EndpointsConfig": {"bridge": {"MacAddress": chosen}}}
    old = await bench.make(Clone(body, {}))
    swapped = await bench.swap(old.inspect["Id"])
    assert swapped.differences == []
    assert swapped.new.config["MacAddress"] == chosen


async def test_a_generated_mac_address_is_not_pinned(bench: Cloning) -> None:
    container = bench.create()
    bench.run(container)
    swapped = await bench.swap(container)
    assert swapped.old.endpoints["bridge"]["MacAddress"]
    assert swapped.differences == []
    assert not swapped.new.config.get("MacAddress")


async def test_a_dynamic_address_stays_dynamic(bench: Cloning) -> None:
    network, _ = bench.network()
    container = bench.create("--network", network)
    bench.run(container)
    swapped = await bench.swap(container)
    assert swapped.old.endpoints[network]["IPAddress"]
    assert swapped.differences == []
    assert not swapped.new.endpoints[network]["IPAMConfig"]


async def test_a_hold_keeps_the_image_and_makes_no_volumes(bench: Cloning) -> None:
    # An image with two names would merely lose one; this one shares its content with no other.
    name = bench.image("held", OLD_DEFAULTS, {"own": bench.token.encode()})
    image = await bench.engine.inspect_image(name)
    good = Good(
        digest="sha256:" + "a" * 64,
        tag="1",
        image_id=image["Id"],
        image_config=image["Config"],
        at=utc_now(),
    )
    held = (await bench.make(Clone(hold_body("web", good), {}))).inspect
    assert held["Config"]["Labels"]["listener.pin"] == "web"
    assert held["Config"]["Labels"]["listener.pin.digest"] == good.digest
    assert held["Mounts"] == []
    assert held["State"]["Status"] == "created"
    with pytest.raises(EngineTrouble, match="is using its referenced image"):
        bench.docker("rmi", name)
