"""A swapped container is the one that its user's own words make from the new image.

Containers are generated, created by Docker's own command line from one image, and swapped to
another with other defaults. The oracle knows nothing of the swap: the same command line over the
new image. FIDELITY=300 tries that many instead of 40.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cloning import Cloning
from defined import IMAGES, Definition, Surroundings
from definitions import definitions
from hypothesis import HealthCheck, event, given, note, reject, settings
from hypothesis import strategies as st
from oracle import differing, facts, unnamed_volumes

from listener.demo.engine import EngineTrouble
from listener.demo.ports import free_port
from listener.drivers.networks import MANY_AT_CREATE
from listener.drivers.snapshot import Snapshot

LOOK = """
b=/bin/busybox; $b tr '\\0' '\\n' < /proc/self/environ; $b id; pwd; $b hostname; ulimit -H -a
$b grep -v ' / ' /proc/self/mounts; $b cat /etc/hosts /etc/resolv.conf; $b ls /dev
$b grep -E '^(Cap|NoNew|Seccomp)' /proc/self/status; $b tr '\\0' ' ' < /proc/1/cmdline
cd /sys/fs/cgroup && $b cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max
$b cat /proc/sys/net/core/somaxconn
true
"""
"""Limits are the hard ones: now and then runc leaves a soft one raised, for it is in Go."""
NUMBER = int(os.environ.get("FIDELITY", "40"))


@pytest.fixture
def surroundings(bench: Cloning, tmp_path: Path) -> Surroundings:
    for tag, defaults in IMAGES.items():
        if tag not in bench.images:
            bench.image(tag, defaults)
    main, second = bench.network(), bench.network()
    parent = bench.create("--ipc", "shareable", image="bare")
    bench.run(parent)
    return Surroundings(
        parent=parent,
        lender=bench.create("-v", "/lent", "-v", f"{bench.volume()}:/lent2", image="bare"),
        networks=(main[0], second[0]),
        network_id=bench.docker("network", "inspect", "-f", "{{.Id}}", main[0]),
        prefixes=(main[1], second[1]),
        volume=bench.volume(),
        directory=str(tmp_path),
        port=free_port(),
        mac=("--mac-address 02:42:0a:00:00:99",) if bench.engine.api >= MANY_AT_CREATE else (),
    )


@pytest.mark.timeout(120 + 10 * NUMBER)
@settings(
    max_examples=NUMBER,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_a_swapped_container_is_the_one_its_user_would_have_made(
    bench: Cloning, surroundings: Surroundings, data: st.DataObject
) -> None:
    definition = data.draw(definitions(surroundings))
    with bench.discarding():
        await compare(bench, surroundings, definition)


async def compare(bench: Cloning, at: Surroundings, definition: Definition) -> None:
    """Swaps a defined container and compares its clone with its user's own new one."""
    try:
        container = create(bench, definition, definition.old)
    except EngineTrouble:
        reject()
    before = await bench.snapshot(container)
    if definition.running:
        try:
            bench.run(container)
        except EngineTrouble as refused:
            note(f"the old one does not start: {refused}")
    swapped = await bench.swap(container, image=definition.new)
    assert swapped.differences == []
    carried = unnamed_volumes(swapped.old)
    assert carried.items() <= unnamed_volumes(swapped.new).items()
    names = {at.network_id: at.networks[0]}
    own = await bench.snapshot(create(bench, definition, definition.new))
    assert differing(facts(swapped.new, carried, names), facts(own, carried, names)) == {}
    if definition.reversible:
        back = await bench.swap(swapped.new.inspect["Id"], image=definition.old)
        assert back.differences == []
        both = carried | unnamed_volumes(swapped.new)
        assert differing(facts(back.new, both, names), facts(before, both, names)) == {}
    if definition.watched:
        # One after the other, for they want the same ports and addresses.
        bench.docker("rm", "-f", container)
        clone_sees = seen(bench, swapped.new, carried)
        assert clone_sees == seen(bench, own, carried)
        event("both start" if len(clone_sees) > 1 else "neither starts")


def create(bench: Cloning, definition: Definition, image: str) -> str:
    """The container that its user's words make from an image."""
    container = bench.create(*definition.options, image=image, command=tuple(definition.command))
    if definition.connect:
        bench.docker(*definition.connect, container)
    return container


def seen(bench: Cloning, of: Snapshot, carried: Mapping[str, str]) -> list[str]:
    """What a process inside sees of its world, or why there is none."""
    try:
        bench.run(of.inspect["Id"])
        said = bench.docker("exec", of.inspect["Id"], "/bin/busybox", "sh", "-c", LOOK)
    except EngineTrouble as problem:
        return [without(str(problem), assigned(of.inspect))]
    finally:
        given = assigned(bench.inspect(of.inspect["Id"]))
        bench.docker("rm", "-f", of.inspect["Id"])
    return sorted(
        without(line, given)
        for line in said.splitlines()
        if not any(f" {target} " in line for target in carried)
    )


def assigned(inspect: Mapping[str, Any]) -> list[str]:
    """What an engine makes up for one container and shows inside of it."""
    made_up = [inspect["Id"], inspect["Id"][:12], inspect["Name"].lstrip("/")]
    for endpoint in inspect["NetworkSettings"]["Networks"].values():
        made_up += [endpoint["IPAddress"], endpoint["GlobalIPv6Address"]]
    return [text for text in made_up if text]


def without(line: str, given: Iterable[str]) -> str:
    for text in given:
        line = line.replace(text, "<given>")
    return line
