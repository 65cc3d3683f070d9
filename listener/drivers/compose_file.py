"""The file of a Compose project, as far as it can be read here: which image the next `up` takes.

Where a tag policy moves a service past the tag that stands there, the next `docker compose up`
would go back. So people are told what to change, or the variable is written into the project's
`.env` for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

from listener.model.target import ComposeChoice

_FILES = "com.docker.compose.project.config_files"
_DIRECTORY = "com.docker.compose.project.working_dir"
# ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message} and $NAME, as Compose has them.
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:(:?[-?+])([^{}]*))?\}|(\w+))")
_LARGEST = 2**20
# Whatever else stands in a file stays as it is, in any encoding.
_ANY = ("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The image of a service in its file, and the variable that its tag is, if it is one."""

    file: Path
    image: str
    variable: str | None


def advice(choice: ComposeChoice, inspect: Mapping[str, Any], reference: str) -> str | None:
    """What to change so that the next `up` stays with `reference`, which its container runs.

    `inspect` is the container that Compose made, or a later one. None where nothing is to change.
    Where the choice says so, the variable is written; then that is what is told.
    """
    labels = inspect["Config"].get("Labels") or {}
    directory = Path(labels.get(_DIRECTORY) or "/nowhere")
    wanted = read(labels, choice.service)
    tag = reference.rpartition(":")[2]
    if wanted is None:
        before = str(inspect["Config"]["Image"])
        if before == reference:
            return None
        return (
            f"the project's file in {directory} cannot be read from here: where it says {before}, "
            f"the next `docker compose up` would go back; let it say {reference}"
        )
    if _same(wanted.image, reference):
        return None
    says = f"{wanted.file.name} says {wanted.image}"
    if choice.write is not None and wanted.variable is not None:
        try:
            write(directory / choice.write, wanted.variable, tag)
        except OSError as problem:
            return f"{says}, and {directory / choice.write} cannot be written: {problem.strerror}"
        return f"wrote {wanted.variable}={tag} into {choice.write}, for {says}"
    variable = wanted.variable
    change = f"set {variable}={tag}" if variable else f"let it say {reference}"
    return f"{says}: the next `docker compose up` would go back; {change}"


def read(labels: Mapping[str, str], service: str) -> Wanted | None:
    """What the last of a project's files that names an image says; None where none can be read."""
    directory = Path(labels.get(_DIRECTORY) or "/nowhere")
    known = {**_environment(directory / ".env")}
    found = None
    for name in filter(None, str(labels.get(_FILES, "")).split(",")):
        image = _image_in(directory / name, service)
        if image is not None:
            found = Wanted(directory / name, _VARIABLE.sub(_valued(known), image), _tag_of(image))
    return found


def write(file: Path, variable: str, value: str) -> None:
    """Sets a variable in a file like `.env` and keeps the rest; raises OSError.

    A kill leaves the file as it was or as it shall be.
    """
    text = file.read_text(*_ANY) if file.exists() else ""
    line, pattern = f"{variable}={value}", rf"(?m)^(?:export\s+)?{re.escape(variable)}\s*=.*$"
    if re.search(pattern, text):
        after = re.sub(pattern, lambda _: line, text)
    else:
        after = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
    if after == text:
        return
    with NamedTemporaryFile(dir=file.parent, prefix=f"{file.name}.", delete=False) as beside:
        beside.write(after.encode(*_ANY))
        beside.flush()
        os.fsync(beside.fileno())
    if file.exists():
        status = file.stat()
        Path(beside.name).chmod(status.st_mode & 0o7777)
        os.chown(beside.name, status.st_uid, status.st_gid)
    else:
        Path(beside.name).chmod(0o644)
    Path(beside.name).replace(file)


def _image_in(file: Path, service: str) -> str | None:
    try:
        if file.stat().st_size > _LARGEST:
            return None
        document = yaml.load(file.read_text(), _Lenient)  # noqa: S506 - a SafeLoader
        image = document["services"][service]["image"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, RecursionError):
        return None
    return image if isinstance(image, str) else None


class _Lenient(yaml.SafeLoader):
    """Compose's own tags, such as `!reset`, stand before values that do not matter here."""


_Lenient.add_multi_constructor("!", lambda *_: None)


def _environment(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(*_ANY).splitlines()
    except (OSError, ValueError):
        return {}
    pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _valued(known: Mapping[str, str]) -> Any:
    def value(found: re.Match[str]) -> str:
        name, operator, text = found[1] or found[4], found[2] or "", found[3] or ""
        given = known.get(name)
        if given or (given is not None and operator == "-"):
            return given
        return text if operator.endswith("-") else ""

    return value


def _tag_of(image: str) -> str | None:
    """The variable that is all of an image's tag: ``web:${WEB_TAG:-1.4.0}``."""
    found = re.fullmatch(rf"[^$]*:{_VARIABLE.pattern}", image)
    return (found[1] or found[4]) if found else None


def _same(image: str, reference: str) -> bool:
    """Whether two spellings are of one image; one without a tag means ``latest``."""
    return image.removesuffix(":latest") == reference.removesuffix(":latest")
