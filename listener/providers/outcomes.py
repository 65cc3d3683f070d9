"""What the readers of several formats have in common: reasons for no push, and many in one body."""

from __future__ import annotations

from collections.abc import Iterable

from listener.providers.events import MAX_EVENTS, Event, Parsed

PING = "a ping: the hook works"
DIGEST_AS_TAG = "a digest in place of a tag: only a tag is deployed"
NO_TAG = "a manifest without a tag: one platform of an image, or pushed by digest"
NO_REGISTRY = "the event names no registry: set `registry` for this hook"
_TOO_MANY = f"one request brings at most {MAX_EVENTS} pushes: the rest is not read"


def gathered(outcomes: Iterable[Event | str]) -> Parsed:
    """The pushes among the outcomes, and the reasons that the others are.

    What follows the first `MAX_EVENTS` pushes is not looked at. Where there are no outcomes, that
    is the reason.
    """
    events: list[Event] = []
    ignored: list[str] = []
    for outcome in outcomes:
        if isinstance(outcome, str):
            ignored.append(outcome)
        elif len(events) == MAX_EVENTS:
            ignored.append(_TOO_MANY)
            break
        else:
            events.append(outcome)
    if not events and not ignored:
        ignored.append("an empty list of events")
    return Parsed(tuple(events), tuple(ignored))
