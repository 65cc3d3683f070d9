"""What the readers of several formats have in common: reasons for no push, and many in one body."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from listener.providers.events import MAX_ENTRIES, MAX_EVENTS, Event, NotUnderstood, Parsed

PING = "a ping: the hook works"
DIGEST_AS_TAG = "a digest in place of a tag: only a tag is deployed"
NO_TAG = "a manifest without a tag: one platform of an image, or pushed by digest"
NO_REGISTRY = "the event names no registry: set `registry` for this hook"
_TOO_MANY = f"one request brings at most {MAX_EVENTS} pushes: the rest is not read"


def gathered(outcomes: Iterable[Event | str], entries: int) -> Parsed:
    """The pushes among the outcomes, and the reasons that the others are.

    `entries` is how many outcomes there would be. Of these the first `MAX_ENTRIES` are asked for,
    and none that follows the first `MAX_EVENTS` pushes, so each should be made when it is. Where
    there are none, that is the reason.
    """
    events: list[Event] = []
    ignored: list[str] = []
    for outcome in islice(outcomes, MAX_ENTRIES):
        if isinstance(outcome, str):
            ignored.append(outcome)
        elif len(events) == MAX_EVENTS:
            ignored.append(_TOO_MANY)
            break
        else:
            events.append(outcome)
    else:
        if entries > MAX_ENTRIES:
            more = f"{entries - MAX_ENTRIES:,} more entries"
            ignored.append(f"{more}: of one request the first {MAX_ENTRIES:,} are read")
    if not events and not ignored:
        ignored.append("an empty list of events")
    return Parsed(tuple(events), tuple(ignored))


def all_or_none(entries: list[object]) -> list[object]:
    """The entries of a list that is taken whole or not at all; raises NotUnderstood on too many."""
    if len(entries) > MAX_ENTRIES:
        raise NotUnderstood(f"expected at most {MAX_ENTRIES:,} events, got {len(entries):,}")
    return entries
