"""The nouns of a provider: what it is given, what it finds and how it says no. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from listener.model.reference import Reference

MAX_EVENTS = 100
"""Pushes taken from one request; more than any registry puts into one."""
MAX_ENTRIES = 1_000
"""Entries of one request that are looked at, pushes or not."""
MAX_VALUES = 30_000
"""Values of one JSON document: a mebibyte of small ones would take a tenth of a second to read."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a registry sent.

    `headers` is looked up in lower case, so it is a mapping with lower-case keys or one that does
    not mind the case. `body` is raw: a signature covers these bytes and no others.
    """

    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    loaded: list[tuple[object, str]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """What `load_body` found: some formats are told apart by what they read anyway."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a hook's configuration says of its sender, for payloads that leave it out.

    `registry` is the host in normal form. `places` maps the sender's own name of a repository to
    where its images are pulled from, ``host[:port][/prefix]``; where there are any, no other
    repository is taken.
    """

    registry: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One push as its sender tells it.

    `image` has a tag or a digest or both. `delivery` is the sender's id of the event or, where it
    numbers requests only, of the request; None where it has neither. `one_of_many` says that the
    sender names only one tag where several were moved to this digest.
    """

    image: Reference
    actor: str | None = None
    occurred_at: datetime | None = None
    delivery: str | None = None
    one_of_many: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """The pushes of one request, and a plain sentence for each event that is none.

    `reply` is what a handshake of the sender wants to find in the answer's body.
    """

    events: tuple[Event, ...]
    ignored: tuple[str, ...] = ()
    reply: Mapping[str, str] = field(default_factory=dict)


class NotUnderstood(Exception):
    """The body is not the provider's format; the message says what was expected and what came."""
