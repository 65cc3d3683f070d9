"""What is mounted into a clone on a real engine: nothing is lost, above all no data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloning import OLD_DEFAULTS, PATH, Cloning, Swapped

from listener.demo.engine import EngineTrouble

Field = tuple[str, Any]
ROWS: list[tuple[str, list[str], Field]] = [
    ("a bind", ["-v", "DIR:/x:ro"], ("Binds", ["DIR:/x:ro"])),
    ("a named volume", ["-v", "VOL:/x:nocopy"], ("Binds", ["VOL:/x:nocopy"])),
    ("a named volume over the image's own", ["-v", "VOL:/data"], ("Binds", ["VOL:/data"])),
    (
        "a temporary file system over the image's own",
        ["--tmpfs", "/data:size=1m"],
        ("Tmpfs", {"/data": "size=1m"}),
    ),
    (
        "a volume to mount",
        ["--mount", "type=volume,source=VOL,target=/x,readonly,volume-nocopy"],
        ("ReadOnly", True),
    ),
    (
        "a bind to mount",
        ["--mount", "type=bind,source=DIR,target=/x,bind-propagation=rprivate"],
        ("BindOptions", {"Propagation": "rprivate"}),
    ),
    (
        "a temporary file system to mount",
        ["--mount", "type=tmpfs,target=/x,tmpfs-size=65536,tmpfs-mode=1770"],
        ("TmpfsOptions", {"SizeBytes": 65536, "Mode": 0o1770}),
    ),
]


@pytest.mark.parametrize(("options", "field"), [pytest.param(*r[1:], id=r[0]) for r in ROWS])
async def test_a_mount_stays_in_its_own_list(
    bench: Cloning, tmp_path: Path, options: list[str], field: Field
) -> None:
    volume = bench.volume()
    named = json.dumps([options, field]).replace("DIR", str(tmp_path)).replace("VOL", volume)
    options, (name, expected) = json.loads(named)
    swapped = await bench.swap(bench.create(*options))
    assert swapped.differences == []
    mounts = [mount for mount in swapped.new.host.get("Mounts") or () if mount["Target"] == "/x"]
    assert (mounts or [swapped.new.host])[0][name] == expected
    assert mounts == [m for m in swapped.old.host.get("Mounts") or () if m["Target"] == "/x"]


async def kept(bench: Cloning, *options: str) -> tuple[Swapped, str]:
    """A clone of a container that wrote into the image's volume, and that volume."""
    container = bench.create("-u", "0", *options, command=("echo kept > /data/file",))
    bench.docker("start", "-a", container)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    points = swapped.old.inspect["Mounts"]
    return swapped, next(p["Name"] for p in points if p["Destination"] == "/data")


def content(bench: Cloning, volume: str) -> str:
    reader = bench.create(
        *("-u", "0", "-v", f"{volume}:/read", "--entrypoint", "/bin/cat"),
        command=("/read/file",),
    )
    return bench.docker("start", "-a", reader)


async def test_a_failed_clone_goes_with_its_own_volumes_and_leaves_the_data(bench: Cloning) -> None:
    swapped, volume = await kept(bench)
    bench.run(swapped.new.inspect["Id"])
    (fresh,) = (p["Name"] for p in swapped.new.inspect["Mounts"] if p["Destination"] == "/more")
    await bench.engine.remove(swapped.new.inspect["Id"], volumes=True, force=True)
    assert content(bench, volume) == "kept"
    with pytest.raises(EngineTrouble, match="no such volume"):
        bench.docker("volume", "inspect", fresh)


async def test_the_old_one_goes_even_with_its_volumes_and_leaves_the_data(bench: Cloning) -> None:
    swapped, volume = await kept(bench)
    await bench.engine.remove(swapped.old.inspect["Id"], volumes=True, force=True)
    assert content(bench, volume) == "kept"


async def test_the_files_of_the_new_image_do_not_cover_the_data(bench: Cloning) -> None:
    files = {"data/file": b"of the new image"}
    newer = bench.image("files", {**OLD_DEFAULTS, "Labels": {"a": "b"}}, files)
    container = bench.create("-u", "0", command=("echo kept > /data/file",))
    bench.docker("start", "-a", container)
    swapped = await bench.swap(container, image=newer)
    assert swapped.differences == []
    bench.run(swapped.new.inspect["Id"])
    volume = next(p["Name"] for p in swapped.new.inspect["Mounts"] if p["Destination"] == "/data")
    assert content(bench, volume) == "kept"


async def test_a_volume_of_the_image_that_others_lend_is_the_same_one(bench: Cloning) -> None:
    lender = bench.create()
    swapped = await bench.swap(bench.create("--volumes-from", lender))
    assert swapped.differences == []
    places = [
        {p["Destination"]: p["Name"] for p in snapshot.inspect["Mounts"]}["/data"]
        for snapshot in (await bench.snapshot(lender), swapped.old, swapped.new)
    ]
    assert len(set(places)) == 1


async def test_lent_volumes_are_not_made_the_clones_own(bench: Cloning) -> None:
    plain = bench.image("plain", {"Env": [PATH], "Cmd": ["sleep", "1000"]})
    lender = bench.create("-v", "/lent")
    container = bench.create("--volumes-from", f"{lender}:ro", image=plain)
    swapped = await bench.swap(container, image=plain)
    assert swapped.differences == []
    assert swapped.clone.body["HostConfig"]["VolumesFrom"] == [f"{lender}:ro"]
    assert "Mounts" not in swapped.clone.body["HostConfig"]
