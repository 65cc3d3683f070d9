"""The hooks in force: each configured hook made ready to serve, all replaced at once on a reload.

Here is also what a hook may speak for: its registry and its repositories.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Protocol

from listener.config import Hook
from listener.model.reference import Reference
from listener.providers import PROVIDERS, Provider


class HookSettings(Protocol):
    """The part of the settings that the receiver needs."""

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """Hooks by the name in their URL."""

    @property
    def max_body(self) -> int:
        """The longest body in bytes."""

    def aliases(self) -> Mapping[str, str]:
        """Other name of a registry -> its first name, in normal form."""


class UnusableHooks(Exception):
    """Hooks that cannot be served as they are configured; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Door:
    """One hook ready to serve."""

    name: str
    hook: Hook
    provider: Provider
    registry: str | None
    repositories: re.Pattern[str] | None

    def objection(self, image: Reference) -> str | None:
        """Why this hook may not speak for an image (aliases resolved), or None.

        A glob's ``*`` also crosses ``/``: ``team/*`` allows all below ``team``.
        """
        if self.registry is not None and image.registry != self.registry:
            return f"this hook may speak for {self.registry} only, not for {image.registry}"
        if self.repositories is not None and not self.repositories.match(image.repository):
            return f"this hook may not deploy the repository {image.repository}"
        return None


@dataclass(frozen=True, slots=True)
class _Table:
    doors: Mapping[str, Door]
    aliases: Mapping[str, str]
    max_body: int


class Hooks:
    """All hooks in force. A request that has begun ends with the hook it began with."""

    def __init__(self, settings: HookSettings) -> None:
        """Raises UnusableHooks."""
        self._table = _build(settings)

    def replace(self, settings: HookSettings) -> None:
        """Puts new settings in force; raises UnusableHooks and then leaves the old ones."""
        self._table = _build(settings)

    def find(self, name: str) -> Door | None:
        """The hook of that name."""
        return self._table.doors.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all hooks."""
        return tuple(self._table.doors)

    @property
    def aliases(self) -> Mapping[str, str]:
        """Other name of a registry -> its first name."""
        return self._table.aliases

    @property
    def max_body(self) -> int:
        """The longest body in bytes."""
        return self._table.max_body


def _build(settings: HookSettings) -> _Table:
    aliases = settings.aliases()
    doors: dict[str, Door] = {}
    problems: list[str] = []
    for name, hook in settings.hooks.items():
        provider = PROVIDERS[hook.provider]
        if hook.hmac_secrets and provider.signature is None:
            problems.append(
                f"hook {name}: {provider.name} cannot sign its requests, so hmac_secret would "
                "refuse them all: use token instead"
            )
        doors[name] = _door(name, hook, provider, aliases)
    if problems:
        raise UnusableHooks(problems)
    return _Table(doors, aliases, settings.max_body)


def _door(name: str, hook: Hook, provider: Provider, aliases: Mapping[str, str]) -> Door:
    globs = "|".join(f"(?:{translate(glob)})" for glob in hook.repositories)
    return Door(
        name=name,
        hook=hook,
        provider=provider,
        registry=aliases.get(hook.registry, hook.registry) if hook.registry else None,
        repositories=re.compile(globs) if globs else None,
    )
