"""What the next `docker compose up` would take, and what people are told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from listener.drivers.compose_file import advice, read, write
from listener.model.target import ComposeChoice

CHOICE = ComposeChoice(project="shop", service="web")


def project(directory: Path, image: str, env: str = "") -> dict[str, Any]:
    """A project whose service has this image; the inspect of its container."""
    file = directory / "compose.yml"
    file.write_text(f"services:\n  web:\n    image: {image}\n    ports: !reset []\n")
    if env:
        (directory / ".env").write_text(env)
    labels = {
        "com.docker.compose.project.working_dir": str(directory),
        "com.docker.compose.project.config_files": str(file),
    }
    return {"Config": {"Image": "web:1.4.0", "Labels": labels}}


@pytest.mark.parametrize(
    ("image", "env", "told"),
    [
        ("web:1.5.0", "", None),
        ("web:${WEB_TAG:-1.4.0}", "WEB_TAG=1.5.0\n", None),
        (
            "web:1.4.0",
            "",
            "compose.yml says web:1.4.0: the next `docker compose up` would go back;",
        ),
        ("web:1.4.0", "", "let it say web:1.5.0"),
        ("web:${WEB_TAG:-1.4.0}", "", "set WEB_TAG=1.5.0"),
        ("web:$WEB_TAG", "export WEB_TAG='1.3.0'\n", "compose.yml says web:1.3.0"),
        ("${NAME:-web}:${WEB_TAG}", "WEB_TAG=1.4.0", "let it say web:1.5.0"),
    ],
)
def test_people_are_told_what_to_change(
    tmp_path: Path, image: str, env: str, told: str | None
) -> None:
    said = advice(CHOICE, project(tmp_path, image, env), "web:1.5.0")
    assert said == told if told is None else told in (said or "")


def test_a_file_that_cannot_be_seen_from_here_is_told_where_the_tag_moved(tmp_path: Path) -> None:
    inspect = project(tmp_path, "web:1.4.0")
    (tmp_path / "compose.yml").unlink()
    assert f"the project's file in {tmp_path} cannot be read from here" in (
        advice(CHOICE, inspect, "web:1.5.0") or ""
    )
    assert advice(CHOICE, inspect, "web:1.4.0") is None


def test_the_variable_is_written_and_the_rest_is_kept(tmp_path: Path) -> None:
    inspect = project(tmp_path, "web:${WEB_TAG:-1.4.0}", "# mine\nWEB_TAG=1.4.0\nPORT=80\n")
    file = tmp_path / ".env"
    file.chmod(0o600)
    choice = CHOICE.model_copy(update={"write": ".env"})
    assert "wrote WEB_TAG=1.5.0 into .env" in (advice(choice, inspect, "web:1.5.0") or "")
    assert file.read_text() == "# mine\nWEB_TAG=1.5.0\nPORT=80\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in sorted(tmp_path.iterdir())] == [".env", "compose.yml"]
    assert advice(choice, inspect, "web:1.5.0") is None


@pytest.mark.parametrize(("before", "after"), [("", "A=1\n"), ("B=2", "B=2\nA=1\n")])
def test_a_variable_that_was_not_there_is_added(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / ".env"
    if before:
        file.write_text(before)
    write(file, "A", "1")
    assert file.read_text() == after


@pytest.mark.parametrize("text", ["", "[", "services: []", "services: {web: {build: .}}"])
def test_a_file_that_says_nothing_of_the_image(tmp_path: Path, text: str) -> None:
    inspect = project(tmp_path, "web:1.4.0")
    (tmp_path / "compose.yml").write_text(text)
    assert read(inspect["Config"]["Labels"], "web") is None


@pytest.mark.parametrize("name", ["../.env", "/etc/passwd", "..", "a/b", ""])
def test_only_a_file_of_the_project_is_written(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a file in the project"):
        ComposeChoice(project="shop", service="web", write=name)


def test_what_is_written_leaves_a_file_in_another_encoding_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"NAME=caf\xe9\nWEB_TAG=1.4.0\n")
    write(file, "WEB_TAG", "1.5.0")
    assert file.read_bytes() == b"NAME=caf\xe9\nWEB_TAG=1.5.0\n"
