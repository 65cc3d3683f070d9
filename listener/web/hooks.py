"""The hooks in force: each configured hook made ready to serve, all replaced at once on a reload.

Here is also what a hook may speak for: its registry and its repositories.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Protocol

from listener.config import Hook
from listener.model.reference import Reference
from listener.providers import PROVIDERS, Provider, Sender
from listener.trust import Fetch, HttpsGet

if TYPE_CHECKING:
    from listener.trust.oidc import IdentityTokens
    from listener.trust.sns import Topics

Network = IPv4Network | IPv6Network


class HookSettings(Protocol):
    """The part of the settings that the receiver needs."""

    @property
    def hooks(self) -> Mapping[str, Hook]:
        """Hooks by the name in their URL."""

    @property
    def max_body(self) -> int:
        """The longest body in bytes."""

    @property
    def trusted_proxies(self) -> Sequence[Network]:
        """Proxies whose word on who called them is taken."""

    def aliases(self) -> Mapping[str, str]:
        """Other name of a registry -> its first name, in normal form."""


@dataclass(frozen=True, slots=True)
class Door:
    """One hook ready to serve."""

    name: str
    hook: Hook
    provider: Provider
    sender: Sender
    identity: IdentityTokens | None
    topics: Topics | None
    repositories: re.Pattern[str] | None

    def objection(self, provider: Provider, image: Reference, said: Reference) -> str | None:
        """Why this hook may not speak for an image (aliases resolved), or None.

        Without a `registry` it may speak for those of its provider, the one that the request is of:
        by the name that the sender `said`, whatever that is an alias of.
        A glob's ``*`` also crosses ``/``: ``team/*`` allows all below ``team``.
        """
        own, named = self.sender.registry, image.registry
        if own is not None and named != own:
            return f"this hook may speak for {own} only, not for {named}"
        if own is None and provider.hosts and not provider.hosts.fullmatch(said.registry):
            named = said.registry
            return f"a {provider.name} hook may not speak for {named}: set `registry` if it shall"
        if self.repositories is not None and not self.repositories.match(image.repository):
            return f"this hook may not deploy the repository {image.repository}"
        return None


@dataclass(frozen=True, slots=True)
class _Table:
    doors: Mapping[str, Door]
    aliases: Mapping[str, str]
    max_body: int
    trusted_proxies: Sequence[Network]


class Hooks:
    """All hooks in force. A request that has begun ends with the hook it began with."""

    def __init__(self, settings: HookSettings, fetch: Fetch | None = None) -> None:
        """`fetch` gets the keys of issuers and topics; absent: from where they say they are."""
        self._fetches = (fetch or HttpsGet(anywhere=True), fetch or HttpsGet())
        self._table = self._build(settings, {})

    def replace(self, settings: HookSettings) -> None:
        """Puts new settings in force; without a request in between."""
        self._table = self._build(settings, self._table.doors)

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

    @property
    def trusted_proxies(self) -> Sequence[Network]:
        """Proxies whose word on who called them is taken."""
        return self._table.trusted_proxies

    def _build(self, settings: HookSettings, before: Mapping[str, Door]) -> _Table:
        aliases = settings.aliases()
        doors = {
            name: self._door(name, hook, aliases, before.get(name))
            for name, hook in settings.hooks.items()
        }
        return _Table(doors, aliases, settings.max_body, settings.trusted_proxies)

    def _door(self, name: str, hook: Hook, aliases: Mapping[str, str], before: Door | None) -> Door:
        """A hook made ready; what was fetched for the door that was there `before` is kept."""
        globs = "|".join(f"(?:{translate(glob)})" for glob in hook.repositories)
        registry = aliases.get(hook.registry, hook.registry) if hook.registry else None
        for_issuer, for_topics = self._fetches
        identity = before.identity if before and before.hook.oidc == hook.oidc else None
        topics = before.topics if before and before.hook.topics == hook.topics else None
        if hook.oidc and identity is None:
            from listener.trust.oidc import IdentityTokens

            identity = IdentityTokens(hook.oidc, for_issuer)
        if hook.topics and topics is None:
            from listener.trust.sns import Topics

            topics = Topics(hook.topics, for_topics)
        return Door(
            name=name,
            hook=hook,
            provider=PROVIDERS[hook.provider],
            sender=Sender(registry, hook.places),
            identity=identity,
            topics=topics,
            repositories=re.compile(globs) if globs else None,
        )
