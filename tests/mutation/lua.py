"""Every small change of a Lua script: one comparison, one word, one number or one line of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPS = (
    (re.compile(r"=="), "~="),
    (re.compile(r"~="), "=="),
    (re.compile(r"(?<![<>~=])<(?![=])"), "<="),
    (re.compile(r"(?<![<>~=])>(?![=])"), ">="),
    (re.compile(r"<="), "<"),
    (re.compile(r">="), ">"),
    (re.compile(r"\band\b"), "or"),
    (re.compile(r"\bor\b"), "and"),
    (re.compile(r"\bnot "), ""),
    (re.compile(r"(?<= )\+(?= )"), "-"),
    (re.compile(r"(?<=return )1$"), "0"),
    (re.compile(r"(?<=return )0$"), "1"),
    (re.compile(r"(?<=return )0(?= end)"), "1"),
    (re.compile(r"(?<=return )-1(?= end)"), "0"),
    (re.compile(r"\b1000\b"), "1001"),
)
_WHOLE = re.compile(r"\s*(?:redis\.call\(.*\)|if .* then .* end|for .* do .* end)$")
# Without its step a loop never ends, and Redis hangs with it.
_LOOPS = re.compile(r"\bwhile\b|\bi = ")


@dataclass(frozen=True)
class Mutant:
    """A script with one change: `line` counts from 1, `text` is the whole of it."""

    script: str
    line: int
    before: str
    after: str
    text: str


def mutants(script: str, text: str, *, begin: int = 0) -> Iterator[Mutant]:
    """All of a script, from line `begin` on; comments are left alone."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number < begin or line.lstrip().startswith("--") or _LOOPS.search(line):
            continue
        for after in _changes(line):
            changed = [*lines[:number], after, *lines[number + 1 :]]
            yield Mutant(script, number + 1, line.strip(), after.strip(), "\n".join(changed))


def _changes(line: str) -> Iterator[str]:
    if _WHOLE.match(line):
        yield ""
    for pattern, replacement in _SWAPS:
        for found in pattern.finditer(line):
            yield line[: found.start()] + replacement + line[found.end() :]
