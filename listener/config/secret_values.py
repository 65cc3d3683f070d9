"""Secrets: written in the file, taken from the environment, or read from a mounted ``x_file``.

A secret's value is in no message, whatever is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from listener.config.document import Document, KeyPath

_LARGEST = 65_536


@dataclass(frozen=True)
class Secret:
    """A key that also exists as ``KEY_file``, and the field of the settings that it fills.

    Where `many`, a list is taken as well (any of them is valid, for rotation), also under the
    field's own name.
    """

    section: tuple[str, ...]
    key: str
    field: str
    many: bool = False

    @property
    def spellings(self) -> tuple[str, ...]:
        """The keys of the file that give it; only one may be used at a time."""
        return tuple(dict.fromkeys((self.key, f"{self.key}_file", self.field)))

    def given(self, section: Mapping[str, object]) -> list[str]:
        """Those of the spellings that a section has."""
        return [key for key in self.spellings if key in section]


SECRETS = (
    Secret((), "redis", "redis"),
    Secret(("admin",), "token", "token"),
    Secret(("hooks", "*"), "token", "tokens", many=True),
    Secret(("hooks", "*"), "hmac_secret", "hmac_secrets", many=True),
    Secret(("registries", "*"), "username", "username"),
    Secret(("registries", "*"), "password", "password"),
    Secret(("notify", "*"), "url", "url"),
    Secret(("notify", "*"), "signing_secret", "signing_secret"),
    Secret(("notify", "*"), "token", "token"),
)


def secrets_of(section: KeyPath) -> tuple[Secret, ...]:
    """The secrets that a section may have."""
    return tuple(
        secret
        for secret in SECRETS
        if len(secret.section) == len(section)
        and all(want in ("*", have) for want, have in zip(secret.section, section, strict=True))
    )


def resolve_secrets(document: Document) -> None:
    """Puts every secret's value under its field's name; reports those that cannot be had."""
    for secret in SECRETS:
        for path, section in _sections(document.contents, secret.section):
            _resolve(document, path, section, secret)


def _sections(
    value: object, pattern: tuple[str, ...], path: KeyPath = ()
) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    if isinstance(value, list) and pattern and pattern[0] == "*":
        for position, item in enumerate(value):
            yield from _sections(item, pattern[1:], (*path, position))
    if not isinstance(value, dict):
        return
    if not pattern:
        yield path, value
        return
    for key in list(value) if pattern[0] == "*" else [pattern[0]]:
        if key in value:
            yield from _sections(value[key], pattern[1:], (*path, key))


def _resolve(document: Document, path: KeyPath, section: dict[str, object], secret: Secret) -> None:
    given = secret.given(section)
    if not given:
        return
    if len(given) > 1:
        document.report((*path, given[1]), f"give either this or {given[0]}, not both")
    key = given[0]
    values = {name: section.pop(name) for name in given}
    found = list(_values(document, (*path, key), values[key], secret))
    if any(value is None for value in found) or not found:
        return
    section[secret.field] = found if secret.many else found[0]
    document.place((*path, secret.field), document.line((*path, key)))


def _values(
    document: Document, path: KeyPath, given: object, secret: Secret
) -> Iterator[str | None]:
    """Every value that one key gives; None for what was reported."""
    if isinstance(given, list) and secret.many:
        if not given:
            document.report(path, "is an empty list: give at least one")
        for position, item in enumerate(given):
            yield _value(document, (*path, position), item, path[-1] == f"{secret.key}_file")
    else:
        yield _value(document, path, given, path[-1] == f"{secret.key}_file")


def _value(document: Document, path: KeyPath, given: object, is_file: bool) -> str | None:
    if isinstance(given, (int, float)):
        kind = "true or false" if isinstance(given, bool) else "a number"
        document.report(path, f"is {kind} to YAML: write it in quotes")
    elif not isinstance(given, str):
        document.report(path, "must be text")
    elif not given.strip():
        document.report(path, "is empty: give a value or remove the key")
    elif not is_file:
        return given
    else:
        return _read(document, path, given)
    return None


def _read(document: Document, path: KeyPath, name: str) -> str | None:
    """A secret file's text without one newline at its end.

    A relative name starts at the folder of the configuration file.
    """
    try:
        file = Path(document.file).parent / name
        document.files.append(file)
        if file.exists() and not file.is_file():
            document.report(path, f"{name} is not a file")
            return None
        with file.open("rb") as stream:
            text = stream.read(_LARGEST + 1).decode()
    except UnicodeDecodeError:
        document.report(path, f"{name} is not UTF-8 text")
    except OSError as problem:
        document.report(path, f"{name} cannot be read: {problem.strerror}")
    except ValueError:
        document.report(path, f"{name!r} cannot be the name of a file")
    else:
        if len(text) > _LARGEST:
            document.report(path, f"{name} is larger than {_LARGEST} bytes: not a secret")
        elif value := text.removesuffix("\n").removesuffix("\r"):
            if value.strip():
                return value
            document.report(path, f"{name} holds nothing but blanks")
        else:
            document.report(path, f"{name} is empty")
    return None
