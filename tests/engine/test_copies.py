"""Files that Compose or a user copied into a container before its start are in the next one too."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from cloning import Cloning
from stories import history

from listener.demo.app import Release
from listener.demo.world import World
from listener.drivers import copies
from listener.drivers.copies import carry_copies
from listener.drivers.current import CannotSwapError
from listener.drivers.snapshot import Snapshot

COMPOSE = ("-l", "com.docker.compose.project=shop")


class Copying:
    """A container into which files are copied before its start, and its next one."""

    def __init__(self, bench: Cloning, tmp_path: Path) -> None:
        self.bench = bench
        self.source = tmp_path
        self.notes: tuple[str, ...] = ()

    def copy(
        self, container: str, path: str, text: str, *, mode: int = 0o444, owner: int = 0
    ) -> None:
        """`docker cp` as Compose does it: owners and modes kept, the time is that of the copy."""
        file = self.source / "copied"
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(mode)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            member = archive.gettarinfo(file, path.lstrip("/"))
            member.uid = member.gid = owner
            member.mtime = int(member.mtime)
            with file.open("rb") as content:
                archive.addfile(member, content)
        self.bench.feed("cp", "-", f"{container}:/", content=packed.getvalue())

    async def next(self, container: str, image: str = "2") -> Snapshot:
        """The container's next one, created and with what was copied."""
        swapped = await self.bench.swap(container, image=image)
        self.notes = await carry_copies(self.bench.engine, swapped.old, swapped.new)
        return swapped.new

    async def member(self, of: Snapshot, path: str) -> tuple[tarfile.TarInfo, str]:
        """A file of a container: its head and its text."""
        packed = await self.bench.engine.read_archive(of.inspect["Id"], path, 1 << 22)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            head = archive.getmembers()[0]
            content = archive.extractfile(head)
            return head, content.read().decode() if content else ""

    async def has(self, of: Snapshot, path: str) -> bool:
        changed = await self.bench.engine.changes(of.inspect["Id"])
        return path in {entry["Path"] for entry in changed}


@pytest.fixture
def copying(bench: Cloning, tmp_path: Path) -> Copying:
    return Copying(bench, tmp_path)


def said(notes: Iterable[str], path: str) -> bool:
    return any(note.startswith(f"{path} was copied from the old container") for note in notes)


async def test_a_secret_and_a_configuration_of_compose_are_copied(copying: Copying) -> None:
    container = copying.bench.create(*COMPOSE)
    copying.copy(container, "/run/secrets/token", "s3cret", mode=0o400, owner=7)
    copying.copy(container, "/etc/app/deep/app.conf", "colour = blue", mode=0o640)
    copying.bench.run(container)

    new = await copying.next(container)
    head, text = await copying.member(new, "/run/secrets/token")
    assert (text, head.mode & 0o7777, head.uid, head.gid) == ("s3cret", 0o400, 7, 7)
    head, text = await copying.member(new, "/etc/app/deep/app.conf")
    assert (text, head.mode & 0o7777, head.uid) == ("colour = blue", 0o640, 0)
    assert said(copying.notes, "/run/secrets/token")
    assert said(copying.notes, "/etc/app/deep/app.conf")
    assert "s3cret" not in str(copying.notes)


async def test_what_was_copied_is_copied_from_one_container_to_the_next_and_on(
    copying: Copying,
) -> None:
    container = copying.bench.create(*COMPOSE)
    copying.copy(container, "/app.conf", "colour = blue")
    copying.bench.run(container)
    second = await copying.next(container)
    copying.bench.docker("rm", "-f", container)
    copying.bench.run(second.inspect["Id"])
    third = await copying.next(second.inspect["Id"], image="1")
    assert (await copying.member(third, "/app.conf"))[1] == "colour = blue"


async def test_a_file_of_the_image_that_compose_replaced_stays_replaced(copying: Copying) -> None:
    container = copying.bench.create(*COMPOSE)
    copying.copy(container, "/bin/true", "#!/bin/sh\n", mode=0o555)
    copying.bench.run(container)
    assert (await copying.member(await copying.next(container), "/bin/true"))[1] == "#!/bin/sh\n"


async def test_what_the_app_itself_wrote_is_left_behind(copying: Copying) -> None:
    writes = "echo 1 > /written; ls -l > /tmp-file; chmod 444 /written; sleep 1000"
    container = copying.bench.create(*COMPOSE, "-u", "0", command=(writes,))
    copying.bench.run(container)
    copying.bench.wait_file(container, "/tmp-file")
    new = await copying.next(container)
    assert not await copying.has(new, "/written")
    assert copying.notes == ()


async def test_without_compose_and_without_the_label_nothing_is_copied(copying: Copying) -> None:
    container = copying.bench.create()
    copying.copy(container, "/run/secrets/token", "s3cret")
    new = await copying.next(container)
    assert not await copying.has(new, "/run/secrets/token")
    assert copying.notes == ()


@pytest.mark.parametrize("label", ["/conf, /etc/own.conf", '["/conf", "/etc/own.conf"]'])
async def test_the_label_names_files_and_directories_of_any_container(
    copying: Copying, label: str
) -> None:
    container = copying.bench.create("-l", f"listener.copy={label}")
    copying.copy(container, "/conf/a/one", "1", mode=0o600, owner=5)
    copying.copy(container, "/etc/own.conf", "2" * (2 << 20), mode=0o644)
    new = await copying.next(container)
    head, text = await copying.member(new, "/conf/a/one")
    assert (text, head.mode & 0o7777, head.uid) == ("1", 0o600, 5)
    assert len((await copying.member(new, "/etc/own.conf"))[1]) == 2 << 20
    assert said(copying.notes, "/conf")
    assert new.config["Labels"]["listener.copy"] == label


@pytest.mark.parametrize("path", ["/run/secrets/large", "/large.conf"])
async def test_a_file_too_large_to_be_a_configuration_is_refused(
    copying: Copying, path: str
) -> None:
    container = copying.bench.create(*COMPOSE)
    copying.copy(container, path, "x" * ((1 << 20) + 1))
    with pytest.raises(CannotSwapError, match=rf"{path} .* larger than 1 MiB; mount it"):
        await copying.next(container)


async def test_a_large_file_that_the_app_may_have_fetched_does_not_keep_it_from_a_fix(
    copying: Copying,
) -> None:
    container = copying.bench.create(*COMPOSE)
    copying.copy(container, "/fetched", "x" * ((1 << 20) + 1), mode=0o644)
    assert not await copying.has(await copying.next(container), "/fetched")
    assert copying.notes == ("/fetched was not copied: it is larger than 1 MiB",)


async def test_where_too_much_was_written_to_look_through_the_label_decides(
    copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_LOOKS", 1)
    for label in ((), ("-l", "listener.copy=/one")):
        container = copying.bench.create(*COMPOSE, *label)
        for path in ("/one", "/two", "/run/secrets/token"):
            copying.copy(container, path, "text")
        if not label:
            with pytest.raises(CannotSwapError, match=r"too many .* name them in the label"):
                await copying.next(container)
    new = await copying.next(container)
    assert await copying.has(new, "/one")
    assert await copying.has(new, "/run/secrets/token")
    assert not await copying.has(new, "/two")
    assert "only /run/secrets was searched" in str(copying.notes)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("/absent.conf", "/absent.conf cannot be copied .* not find"),
        ("conf", "absolute paths below /, not 'conf'"),
        ("/a/../etc", "absolute paths below /"),
        ("/", "absolute paths below /"),
        ("[1]", "absolute paths below /, not 1"),
        ("[", "no JSON list"),
        ("/scratch/x", "lies on a tmpfs"),
    ],
)
async def test_a_label_that_cannot_be_followed_is_refused(
    copying: Copying, label: str, words: str
) -> None:
    container = copying.bench.create("-l", f"listener.copy={label}", "--tmpfs", "/scratch")
    with pytest.raises(CannotSwapError, match=words):
        await copying.next(container)


async def test_a_place_that_the_new_image_needs_otherwise_is_refused(copying: Copying) -> None:
    container = copying.bench.create("-l", "listener.copy=/more")
    copying.copy(container, "/more", "a directory in the new image")
    with pytest.raises(CannotSwapError, match="/more cannot be copied"):
        await copying.next(container)


async def test_mounts_are_neither_read_nor_written(copying: Copying, tmp_path: Path) -> None:
    bound = tmp_path / "bound"
    bound.write_text("of the host")
    before = bound.stat()
    container = copying.bench.create(
        *(*COMPOSE, "-l", "listener.copy=/conf,/data/x", "-v", f"{bound}:/conf/bound"),
        *("-v", f"{bound}:/run/secrets/bound"),
    )
    copying.copy(container, "/conf/own", "1")
    copying.bench.run(container)
    new = await copying.next(container)
    assert await copying.has(new, "/conf/own")
    assert not said(copying.notes, "/run/secrets/bound")
    assert "/data/x was not copied: it lies on a mount" in str(copying.notes)
    after = bound.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_app_of_compose_has_its_secret_after_a_push_and_in_its_release_command(
    world: World, tmp_path: Path
) -> None:
    world.push("web", Release("1"))
    labels = {"com.docker.compose.project": "shop", "listener.release": "cat /token"}
    world.run("web", labels=labels)
    name = world.name("web")
    secret = tmp_path / "token"
    world.engine.docker("stop", name)
    secret.write_text("s3cret")
    world.engine.docker("cp", str(secret), f"{name}:/token")
    world.engine.docker("start", name)
    world.listener.start()
    world.wait_late_push("web")

    world.listener.deployment_of(name, world.push("web", Release("2")))
    assert history(world, "web") == ["succeeded"]
    assert world.engine.docker("exec", name, "cat", "/token") == "s3cret"


def test_a_file_that_cannot_be_copied_ends_the_deployment_before_the_swap(world: World) -> None:
    url = world.begin(labels={"listener.copy": "/absent.conf"})
    before = world.container("web")["Id"]
    ended = world.listener.deployment_of(world.name("web"), world.push("web", Release("2")))
    assert ended["state"] == "failed"
    assert "/absent.conf cannot be copied" in ended["reason"]
    world.wait_answer(url, "1")
    assert world.container("web")["Id"] == before
    assert world.leftovers("web") == []
