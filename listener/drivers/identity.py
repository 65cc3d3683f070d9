"""What an engine says of itself: which kind and which one it is, which API it speaks. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether the answer to ``GET /version`` is Podman's, which speaks the same API."""
    parts = version.get("Components") or ()
    return any(str(part.get("Name", "")).startswith("Podman") for part in parts)


def identity(version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """Which engine answers, by ``GET /version`` and ``GET /info``.

    Podman makes up another ID for each answer: its machine and its storage tell it instead.
    """
    if not is_podman(version):
        return str(info.get("ID", ""))
    place = f"{info.get('Name', '')}\0{info.get('DockerRootDir', '')}"
    return f"podman-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def numbers(version: str | None) -> tuple[int, int]:
    """An API version such as ``1.41``, to be compared; the oldest where none is named."""
    major, _, minor = (version or "1.24").partition(".")
    return int(major), int(minor)
