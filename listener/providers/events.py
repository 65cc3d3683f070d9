"""The nouns of a provider: what it is given, what it finds and how it says no. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from listener.model.reference import Reference

MAX_EVENTS = 100
"""Pushes taken from one request; more than any registry puts into one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a registry sent.

    `headers` is looked up in lower case, so it is a mapping with lower-case keys or one that does
    not mind the case. `body` is raw: a signature covers these bytes and no others.
    """

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One push as its sender tells it.

    `image` has a tag or a digest or both. `delivery` is the sender's id of the event or, where it
    numbers requests only, of the request; None where it has neither.
    """

    image: Reference
    actor: str | None = None
    occurred_at: datetime | None = None
    delivery: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """The pushes of one request, and a plain sentence for each event that is none."""

    events: tuple[Event, ...]
    ignored: tuple[str, ...] = ()


class NotUnderstood(Exception):
    """The body is not the provider's format; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a provider signs: ``PREFIX`` and HMAC-SHA256 of the raw body in hex, in these headers.

    Where several headers are named, any one of them may carry it.
    """

    headers: tuple[str, ...]
    prefix: str = "sha256="


class Provider(Protocol):
    """One registry's webhook format.

    `repeats_until_2xx` marks senders that send an event again, without end and before any later
    one, until it is answered with success; a bad event must not block them.
    """

    @property
    def name(self) -> str:
        """What `provider:` says in the configuration."""

    @property
    def repeats_until_2xx(self) -> bool:
        """Whether it repeats what it was not thanked for."""

    @property
    def signature(self) -> SignatureScheme | None:
        """How it signs, None where it cannot."""

    def parse(self, request: Request, registry: str | None) -> Parsed:
        """Reads one request; `registry` is the hook's own, for payloads that name none.

        Raises NotUnderstood.
        """
