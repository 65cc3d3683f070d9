"""Tables for the eye on a terminal, aligned plain lines for everything else.

Piped tables are never cut, because what reads them has no width; a terminal's are cut to it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

_GAP = 2
_STYLES = {
    "succeeded": "green",
    "healthy": "green",
    "idle": "green",
    "ok": "green",
    "hit": "green",
    "failed": "red",
    "rolled_back": "red",
    "rollback_failed": "bold red",
    "unhealthy": "red",
    "stopped": "red",
    "invalid": "red",
    "bad": "red",
    "warn": "yellow",
    "paused": "yellow",
    "waiting": "yellow",
    "queued": "yellow",
    "superseded": "dim",
    "skipped": "dim",
    "absent": "dim",
}

Row = Sequence[str]


def on_terminal() -> bool:
    """Whether a person sees standard output as it is written."""
    return sys.stdout.isatty()


def print_table(headers: Row, rows: Sequence[Row], *, width: int | None = None) -> None:
    """Writes a table; `width` cuts the piped form too, for overviews that must fit."""
    clean = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *clean, strict=True)]
    least = [
        # What is typed into the next command is never cut.
        size if name in ("ID", "TARGET") else len(name)
        for name, size in zip(headers, widths, strict=True)
    ]
    if on_terminal():
        _rich_table(headers, clean, widths, least)
        return
    if width is not None:
        widths = _fitted(widths, least, width)
    for row in (headers, *clean):
        cells = (_cut(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True))
        click.echo((" " * _GAP).join(cells).rstrip())


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Writes names and values, one pair a line."""
    size = max(len(name) for name, _ in fields)
    for name, value in fields:
        shown = printable(value)
        if on_terminal() and shown in _STYLES:
            shown = styled(shown)
        click.echo(f"{name.ljust(size)}{' ' * _GAP}{shown}")


def styled(word: str) -> str:
    """A state in its colour where colours are wanted."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    with console.capture() as capture:
        console.print(Text(word, style=_STYLES.get(word, "")), end="")
    return capture.get()


def style_of(word: str) -> str:
    """The style of a state or health, empty for other words."""
    return _STYLES.get(word.split(" ", 1)[0], "")


def printable(text: str) -> str:
    """Text without control characters: a log line must not move the cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _rich_table(headers: Row, rows: Sequence[Row], widths: list[int], least: list[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for header, size in zip(headers, _fitted(widths, least, console.width), strict=True):
        table.add_column(header, no_wrap=True, overflow="ellipsis", min_width=size, max_width=size)
    for row in rows:
        table.add_row(*(Text(cell, style=style_of(cell)) for cell in row))
    console.print(table, crop=False)


def _fitted(widths: list[int], least: list[int], width: int) -> list[int]:
    """Takes from the widest column until all fit, or none can give any more."""
    sizes = list(widths)
    while sum(sizes) + _GAP * (len(sizes) - 1) > width:
        index = max(
            (i for i in range(len(sizes)) if sizes[i] > least[i]),
            key=lambda i: sizes[i],
            default=None,
        )
        if index is None:
            break
        sizes[index] -= 1
    return sizes


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1]}…"
