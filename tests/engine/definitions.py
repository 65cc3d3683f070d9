"""Generated `docker create` command lines: what a swap has to carry, in any mixture."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from defined import IMAGES, Definition, Options, Surroundings
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]


def of(*texts: str) -> st.SearchStrategy[Options]:
    """One of some texts, each the words of one choice."""
    return st.sampled_from(texts).map(str.split)


def some(option: str, *values: str) -> st.SearchStrategy[Options]:
    """One option, given several times with different values, in any order."""
    chosen = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return chosen.map(lambda all: [word for value in all for word in (option, value)])


def distinct(option: str, separator: str, *values: str) -> st.SearchStrategy[Options]:
    """Like `some`, with one value for each key before the separator."""
    chosen = st.lists(
        st.sampled_from(values),
        min_size=1,
        max_size=4,
        unique_by=lambda value: value.partition(separator)[0],
    )
    return chosen.map(lambda all: [word for value in all for word in (option, value)])


PROCESS: dict[str, st.SearchStrategy[Options]] = {
    "env": distinct(
        *("-e", "=", "OWN=1", "OWN=a b=c", "SHARED=", "SHARED=mine", "SHARED", "TAKEN_AWAY"),
        *("OVERRIDDEN=mine", "ONLY_OLD=mine", "ONLY_NEW", "dotted.name=ü", "PATH=/bin:/own"),
    ),
    "labels": distinct(
        *("-l", "=", "own=1", "own=", "bare", "org.example.kept=mine", "a=c d", "x/y.Z-0=1=2"),
        *("quoted=\"='", "ünï=✓", "org.example.version=", "listener.enable=true"),
    ),
    "user": of("-u 5", "-u 0:0", "-u 1000:44", "-u :0"),
    "workdir": of("-w /mine", "-w /mine/", "-w /", "-w /bin"),
    "stop signal": of("--stop-signal SIGINT", "--stop-signal 12", "--stop-signal RTMIN+3"),
    "stop timeout": of("--stop-timeout 0", "--stop-timeout 3", "--stop-timeout -1"),
    "terminal": of("-t", "-i", "-t -i", "-a stdout"),
    "init": of("--init", "--init=false"),
    "health": of(
        *("--no-healthcheck", "--health-retries 9", "--health-interval 5s --health-timeout 3s"),
        *("--health-cmd true", "--health-cmd ls --health-start-period 6s --health-retries 4"),
    ),
    "restart": of("--restart always", "--restart unless-stopped", "--restart no", "--rm"),
    "on failure": of("--restart on-failure", "--restart on-failure:3"),
    "log": of(
        *("--log-driver none", "--log-driver json-file --log-opt max-size=1m --log-opt tag=x"),
        *("--log-driver local --log-opt max-file=2", "--log-opt max-size=2m"),
    ),
}
LIMITS: dict[str, st.SearchStrategy[Options]] = {
    "memory": of(
        *("-m 64m", "-m 64m --memory-swap 64m", "-m 64m --memory-swap -1"),
        *("--memory-reservation 32m", "-m 64m --memory-swappiness 0 --oom-kill-disable"),
    ),
    "cpus": of(
        "--cpus 0.5", "--cpu-shares 512", "--cpu-period 50000 --cpu-quota 25000", "--cpuset-cpus 0"
    ),
    "pids": of("--pids-limit 50", "--pids-limit -1", "--pids-limit 0"),
    "ulimits": distinct(
        "--ulimit", "=", "nofile=100:200", "nofile=1000", "nproc=500", "core=-1", "rtprio=0"
    ),
    "shm": of("--shm-size 32m", "--shm-size 1g"),
    "oom": of("--oom-score-adj 100", "--oom-kill-disable"),
    "block devices": of("--blkio-weight 300"),
}
RIGHTS: dict[str, st.SearchStrategy[Options]] = {
    "capabilities": some("--cap-add", "NET_ADMIN", "CAP_SYS_TIME", "sys_nice"),
    "all capabilities": of("--cap-add ALL --cap-drop MKNOD", "--cap-drop ALL --cap-add CHOWN"),
    "security": some(
        *("--security-opt", "no-new-privileges", "seccomp=unconfined", "apparmor=unconfined"),
        *("label=disable", "systempaths=unconfined"),
    ),
    "privileged": of("--privileged"),
    "read-only": of("--read-only", "--read-only --tmpfs /tmp"),
    "groups": some("--group-add", "44", "45", "1000"),
    "devices": some("--device", "/dev/null:/dev/nil:r", "/dev/zero", "/dev/full:/dev/full:rw"),
    "device rules": some("--device-cgroup-rule", "c 1:3 r", "b *:* m"),
    "gpus": of("--gpus all", "--gpus 2"),
    "user namespace": of("--userns host"),
    "cgroups": of("--cgroup-parent lt-clone", "--cgroupns private", "--cgroupns host"),
    "runtime": of("--runtime runc", "--platform linux/amd64"),
}
NAMES: dict[str, st.SearchStrategy[Options]] = {
    "host name": of("--hostname mine", "--hostname mine.example.org", "-h x --domainname a.org"),
    "dns": some("--dns", "9.9.9.9", "1.1.1.1", "::1"),
    "dns search": some("--dns-search", "example.org", "a.example.org", "."),
    "dns options": some("--dns-option", "ndots:2", "rotate", "timeout:1"),
    "hosts": some("--add-host", "other:10.0.0.1", "gate:host-gateway", "six:fd00::1"),
}
MODES = ("default", "bridge", "user", "user", "by id", "host", "none", "container")
"""Ways to be on a network; that of one's own is the one with most to lose."""
SLEEPERS: tuple[tuple[Options, Options], ...] = (
    ([], []),
    (["--entrypoint", "/bin/sh"], ["-c", "sleep 1000"]),
    (["--entrypoint", ""], ["/bin/sleep", "1000"]),
)
"""Entrypoints and commands that stay, whatever the image's own are."""


def volumes(at: Surroundings) -> st.SearchStrategy[Options]:
    """What is mounted: one thing at each of some places, the image's own volume among them."""
    places = st.lists(
        st.sampled_from(["/data", "/m1", "/m2", "/deep/er", "/more", "/own"]),
        min_size=1,
        max_size=4,
        unique=True,
    )
    kinds = (
        "-v {place}",
        "-v {place}/",
        "-v {directory}:{place}:ro",
        "-v {directory}:{place}:rprivate",
        "-v {volume}:{place}",
        "-v {volume}:{place}:ro,nocopy",
        "--mount type=volume,target={place}",
        "--mount type=volume,target={place},volume-nocopy",
        "--mount type=volume,target={place},volume-label=a=b",
        "--mount type=volume,source={volume},target={place},volume-nocopy",
        "--mount type=bind,source={directory},target={place},readonly",
        "--mount type=bind,source={directory},target={place},bind-propagation=private",
        "--mount type=tmpfs,target={place},tmpfs-size=65536,tmpfs-mode=1770",
        "--tmpfs {place}:size=1m,mode=1770",
        "--tmpfs {place}",
    )

    def written(chosen: list[tuple[str, str]]) -> Options:
        values = {"directory": at.directory, "volume": at.volume}
        return [
            word for place, kind in chosen for word in kind.format(place=place, **values).split()
        ]

    mounted = places.flatmap(
        lambda all: st.tuples(*(st.tuples(st.just(place), st.sampled_from(kinds)) for place in all))
    )
    return mounted.map(lambda chosen: written(list(chosen)))


def ports(at: Surroundings) -> st.SearchStrategy[Options]:
    """What is published and exposed: random, fixed, ranges, several for one, both protocols."""
    published = some(
        *("-p", "9000", "127.0.0.1::9000", "127.0.0.1::80/udp", "18600-18610:9002", "::1::80"),
        *(f"127.0.0.1:{at.port}:9003", f"127.0.0.1:{at.port + 1}-{at.port + 2}:9004-9005"),
    )
    exposed = some("--expose", "9100", "9200-9202/udp")
    return st.one_of(
        published,
        exposed,
        st.tuples(published, exposed).map(lambda both: both[0] + both[1]),
        of("-P"),
        exposed.map(lambda options: ["-P", *options]),
    )


def networking(draw: Draw, at: Surroundings, mode: str) -> tuple[Options, Options]:
    """The options for a network mode, and the words that connect a second network."""
    main, second = at.networks
    plain = {
        "default": [],
        "bridge": ["--network", "bridge"],
        "host": ["--network", "host"],
        "none": ["--network", "none"],
        "container": ["--network", f"container:{at.parent}"],
    }
    extras = [
        "--network-alias web --network-alias api",
        f"--ip {at.prefixes[0]}.77",
        f"--link {at.parent}:db",
        "--link-local-ip 169.254.7.7",
        *at.mac,
    ]
    if mode in plain:
        choices = [(), (f"--link {at.parent}:db",), at.mac]
        chosen = draw(st.sampled_from(choices)) if mode in {"default", "bridge"} else ()
        options = plain[mode]
    else:
        if mode == "by id":
            # No engine since 28 tells a MAC address that was set for a network given by its id.
            extras = [option for option in extras if option not in at.mac]
        chosen = draw(st.lists(st.sampled_from(extras), max_size=3, unique=True))
        options = ["--network", at.network_id if mode == "by id" else main]
    options = options + [word for text in chosen for word in text.split()]
    if mode in {"host", "none", "container"} or not draw(st.booleans()):
        return options, []
    more = [f"--ip {at.prefixes[1]}.88", "--alias second", f"--link {at.parent}:two", ""]
    return options, ["network", "connect", *draw(st.sampled_from(more)).split(), second]


def namespaces(at: Surroundings) -> st.SearchStrategy[Options]:
    """Shared with the host, with another container, or one's own."""
    return of(
        *("--ipc private", "--ipc shareable", "--ipc host", "--ipc none", "--pid host"),
        *(f"--ipc container:{at.parent}", f"--pid container:{at.parent}", "--uts host"),
        f"--ipc container:{at.parent} --pid container:{at.parent}",
    )


@st.composite
def definitions(draw: Draw, at: Surroundings) -> Definition:
    """A definition that the engine accepts, or nearly always does."""
    old, new = draw(st.permutations(sorted(IMAGES)))[:2]
    mode = draw(st.sampled_from(MODES))
    options, connect = networking(draw, at, mode)
    groups = {
        **PROCESS,
        **LIMITS,
        **RIGHTS,
        "volumes": volumes(at),
        "more volumes": volumes(at),
        "lent volumes": of(f"--volumes-from {at.lender}", f"--volumes-from {at.lender}:ro"),
        "namespaces": namespaces(at),
    }
    if mode != "container":
        groups |= {**NAMES, "ports": ports(at)}
    if mode not in {"container", "host"}:
        groups["sysctls"] = some(
            "--sysctl", "net.core.somaxconn=100", "net.ipv4.ip_unprivileged_port_start=80"
        )
    # Drawn lists of names come in clumps, and some names never; those of a seed come evenly.
    deck = sorted(groups)
    Random(draw(st.integers(0, 2**32 - 1))).shuffle(deck)
    chosen = deck[: draw(st.integers(0, 20))]
    dropped = _clashing(chosen)
    for name in chosen:
        if name not in dropped:
            options += draw(groups[name])
    process, command = draw(_commands(old))
    options += process
    if IMAGES[old].get("Healthcheck") == {"Test": ["NONE"]} and "--no-healthcheck" in options:
        options.remove("--no-healthcheck")
    if "--uts" in options:
        options = _without(options, "--hostname", "-h", "--domainname")
    stays = (process, command) in SLEEPERS
    running = "--rm" not in options and draw(st.sampled_from([stays, True, False]))
    watched = running and stays
    return Definition(old, new, options, command, connect, running, watched)


def _clashing(chosen: list[str]) -> set[str]:
    """Of the groups that the engine or its command line refuses together, all but one."""
    clashes = (
        ("restart", "on failure"),
        ("volumes", "more volumes"),
        ("capabilities", "all capabilities"),
        ("memory", "oom"),
    )
    return {first for first, second in clashes if first in chosen and second in chosen}


def _commands(old: str) -> st.SearchStrategy[tuple[Options, Options]]:
    """Entrypoint and command; what equals the image's cannot be told from nothing."""
    simple: list[tuple[Options, Options]] = [
        *SLEEPERS[:2] * 2,
        ([], ["sleep", "1000"]),
        (["--entrypoint", "/bin/sh"], []),
    ]
    if IMAGES[old].get("Entrypoint"):
        simple += SLEEPERS[2:] * 2
    if IMAGES[old].get("Cmd"):
        simple.append((["--entrypoint", "/bin/busybox"], list(IMAGES[old]["Cmd"])))
    return st.sampled_from(simple)


def _without(options: Options, *names: str) -> Options:
    kept = list(options)
    for name in names:
        while name in kept:
            at = kept.index(name)
            del kept[at : at + 2]
    return kept
