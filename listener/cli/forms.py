"""Texts to paste: the fields of a web page, and values within a shell's line."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote


def form(head: str, rows: Sequence[tuple[str, str]]) -> str:
    """Where to click, and below it what goes into which field."""
    size = max(len(name) for name, _ in rows) + 1
    return "\n".join([head, *(f"{name + ':':<{size}} {value}" for name, value in rows)])


def command(*parts: str) -> str:
    """A shell's command over several lines, one for each part."""
    return " \\\n  ".join(parts)


def option(name: str, value: str) -> str:
    """An option of a command with its value, quoted where the shell wants it."""
    return f"{name} {quote(value)}"
