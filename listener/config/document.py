"""A YAML file as plain values, each with the line that it came from.

Only mappings, lists and scalars come out; keys are always text, exactly as written. References to
the environment are replaced in scalar values after parsing, so that no value can add structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings and positions in lists."""

_TAG = "tag:yaml.org,2002:"
_MOST_VALUES = 50_000
_LONGEST_SENTENCE = 500
_LONGEST_NUMBER = 100
_REFERENCE = re.compile(r"\$\$|\$\{([^{}]*)(\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_PLAIN_KEY = re.compile(r"[\w./:@+-]{1,120}", re.ASCII)


class ConfigError(Exception):
    """What is wrong with a configuration, all of it: ``FILE:LINE: path.to.key: sentence`` each.

    `files` are those that were looked at, so that a change of one of them is worth another try.
    """

    def __init__(self, problems: tuple[str, ...], files: tuple[Path, ...] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.files = files


class Document:
    """The contents of one file, where each of them stands, and what was found wrong so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.contents: dict[str, object] = {}
        self.files: list[Path] = []
        self._lines: dict[KeyPath, int] = {}
        self._texts: dict[KeyPath, str] = {}
        self._found: set[tuple[int, str]] = set()
        self._unreadable: set[KeyPath] = set()

    def place(self, path: KeyPath, line: int, text: str | None = None) -> None:
        """Notes a value's line, and how it was written where YAML takes it for no text."""
        self._lines[path] = line
        if text is not None:
            self._texts[path] = text

    def has(self, path: KeyPath) -> bool:
        """Whether the file has something there."""
        return path in self._lines

    def text(self, path: KeyPath) -> str | None:
        """How a number or a true/false value was written; None for anything else."""
        return self._texts.get(path)

    def line(self, path: KeyPath) -> int:
        """The line of a value, else of the nearest thing around it, from 1."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def report(self, path: KeyPath, sentence: str) -> None:
        """Notes what is wrong with a value, unless there was no value to begin with."""
        if path not in self._unreadable:
            self.report_line(self.line(path), f"{spell(path)}: {sentence}" if path else sentence)

    def report_unreadable(self, path: KeyPath, sentence: str, line: int | None = None) -> None:
        """Notes why there is no value; whatever stands in for it is not judged any more."""
        shown = f"{spell(path)}: {sentence}" if path else sentence
        self.report_line(line or self.line(path), shown)
        self._unreadable.add(path)

    def report_line(self, line: int, sentence: str) -> None:
        """Notes what is wrong with a line."""
        if len(sentence) > _LONGEST_SENTENCE:
            sentence = sentence[: _LONGEST_SENTENCE - 1] + "…"
        self._found.add((line, sentence))

    def problems(self) -> tuple[str, ...]:
        """Everything that was reported, in the order of the file."""
        return tuple(f"{self.file}:{line}: {sentence}" for line, sentence in sorted(self._found))


def spell(path: KeyPath) -> str:
    """A path as messages show it: ``hooks.hub.repositories[0]``."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            key = part if _PLAIN_KEY.fullmatch(part) else ascii(part[:120])
            shown += f".{key}" if shown else key
    return shown


def read_document(path: Path, environ: Mapping[str, str]) -> Document:
    """Reads a YAML file; what is wrong with it stands in the document's problems."""
    document = Document(str(path))
    document.files.append(path)
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise ConfigError((f"{path}: cannot be read: {problem.strerror}",), (path,)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        document.report_line(raw.count(b"\n", 0, problem.start) + 1, "is not UTF-8 text")
        return document
    _parse(document, text, environ)
    return document


def _parse(document: Document, text: str, environ: Mapping[str, str]) -> None:
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            _Reader(document, environ).contents(root)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = mark.line + 1 if mark else 1
        document.report_line(line, _syntax(text, line, problem))
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        document.report_line(line, "has a character that YAML does not allow")
    except RecursionError:
        document.report_line(1, "is nested too deeply")
    except (ValueError, OverflowError):
        # PyYAML lets these escape for some escapes and directives that mean nothing.
        document.report_line(loader.line + 1 if loader else 1, "has an escape that means nothing")


def _syntax(text: str, line: int, problem: yaml.MarkedYAMLError) -> str:
    what = " ".join(str(part) for part in (problem.context, problem.problem) if part)
    sentence = f"is not YAML: {' '.join(what.split())}"
    lines = text.splitlines()
    if "${" in "".join(lines[max(0, line - 2) : line]):
        sentence += ' (within { } and [ ] write "${NAME}" in quotes)'
    elif "\t" in "".join(lines[line - 1 : line]):
        sentence += " (indent with spaces, not with tabs)"
    return sentence


class _Reader:
    """Turns nodes into values and notes where they stood."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._scalars = SafeConstructor()
        self._open: list[Node] = []
        self._values = 0

    def contents(self, root: Node) -> None:
        """Fills the document's contents from the outermost mapping."""
        line = root.start_mark.line + 1
        value = self._value(root, ())
        if isinstance(value, dict):
            self._document.contents = value
        elif value is not None:
            self._document.report_line(line, "must hold keys with values, like `listen: …`")

    def _value(self, node: Node, path: KeyPath) -> object:
        self._values += 1
        if any(node is outer for outer in self._open):
            self._document.report_unreadable(path, "refers to itself")
            return ""
        if self._values > _MOST_VALUES:
            if self._values == _MOST_VALUES + 1:
                self._document.report_line(1, f"has more than {_MOST_VALUES} values")
            return ""
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.append(node)
        try:
            if isinstance(node, SequenceNode):
                return self._list(node, path)
            return self._mapping(node, path) if isinstance(node, MappingNode) else None
        finally:
            self._open.pop()

    def _list(self, node: SequenceNode, path: KeyPath) -> list[object]:
        values = []
        for position, item in enumerate(node.value):
            here = (*path, position)
            self._document.place(here, item.start_mark.line + 1)
            values.append(self._value(item, here))
        return values

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, item in self._pairs(node, path):
            line = key.start_mark.line + 1
            name = key.value
            here = (*path, name)
            if name in lines:
                self._document.report_line(
                    line, f"{spell(here)}: is given twice, first in line {lines[name]}"
                )
                continue
            lines[name] = line
            self._document.place(here, line)
            values[name] = self._value(item, here)
        self._merge(node, path, values)
        return values

    def _pairs(self, node: MappingNode, path: KeyPath) -> Iterator[tuple[ScalarNode, Node]]:
        for key, item in node.value:
            if isinstance(key, ScalarNode):
                if key.tag != f"{_TAG}merge":
                    yield key, item
            else:
                line = key.start_mark.line + 1
                self._document.report_line(
                    line, f"{spell(path)}: a key must be text, not a list or a mapping".lstrip(": ")
                )

    def _merge(self, node: MappingNode, path: KeyPath, values: dict[str, object]) -> None:
        """Adds what ``<<: *other`` brings and the mapping itself does not have."""
        for key, item in node.value:
            if key.tag != f"{_TAG}merge":
                continue
            for other in item.value if isinstance(item, SequenceNode) else [item]:
                if not isinstance(other, MappingNode):
                    self._document.report((*path, "<<"), "must name mappings")
                    continue
                for name, value in self._pairs(other, path):
                    if name.value not in values:
                        here = (*path, name.value)
                        self._document.place(here, name.start_mark.line + 1)
                        values[name.value] = self._value(value, here)

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        kind = node.tag.removeprefix(_TAG)
        text: str = node.value
        if kind == "null":
            return None
        if kind in {"int", "float", "bool"} and ":" not in text and len(text) < _LONGEST_NUMBER:
            construct = getattr(self._scalars, f"construct_yaml_{kind}")
            try:
                value: object = construct(node)
            except (ValueError, LookupError):
                return text
            self._document.place(path, self._document.line(path), text)
            return value
        # Dates and the base-60 numbers of YAML 1.1 are never meant here: they stay text.
        if kind not in {"str", "int", "float", "bool", "timestamp", "value", "merge"}:
            self._document.report_unreadable(
                path, f"has the tag {node.tag!r}, which means nothing here"
            )
            return text
        return self._substitute(text, path, node.start_mark.line + 1)

    def _substitute(self, text: str, path: KeyPath, line: int) -> str:
        def replacement(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            variable = _VARIABLE.fullmatch(found[1]) if found[2] else None
            if variable is None:
                problem = "write ${NAME} or ${NAME:-default}, and $${ for a literal ${"
            elif value := self._environ.get(variable[1]):
                return value
            elif variable[2] is not None:
                return variable[2]
            elif variable[1] in self._environ:
                return ""
            else:
                problem = (
                    f"the environment has no {variable[1]}: set it, "
                    f"or write ${{{variable[1]}:-default}}"
                )
            self._document.report_unreadable(path, problem, line)
            return found[0]

        return _REFERENCE.sub(replacement, text)
