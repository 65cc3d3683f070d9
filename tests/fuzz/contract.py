"""What holds of every provider, whatever it is given."""

from __future__ import annotations

from datetime import UTC

from listener.model.reference import is_digest, is_tag, make_reference, parse_reference
from listener.providers import (
    MAX_ENTRIES,
    MAX_EVENTS,
    PROVIDERS,
    Event,
    NotUnderstood,
    Parsed,
    Provider,
    Request,
    Sender,
)
from tests.fuzz.cases import Case

_LONGEST_SENTENCE = 2_000
_LONGEST_ID = 4_100


def check(name: str, case: Case) -> Parsed | None:
    """What a provider reads; None where it understands nothing. Raises AssertionError, or worse."""
    provider = PROVIDERS[name].concrete(case.request)
    found = _result(provider, case.request, case.sender)
    assert found == _result(provider, case.request, case.sender), "read twice, told otherwise"
    # What the web layer does: one request for both steps.
    request = case.request
    again = _result(PROVIDERS[name].concrete(request), request, case.sender)
    assert found == again, "told otherwise after the format was looked for"
    if isinstance(found, str):
        _sentence(found)
        return None
    assert found.events or found.ignored, "nothing is said"
    assert len(found.events) <= MAX_EVENTS
    assert len(found.ignored) <= MAX_ENTRIES + 1
    for reason in found.ignored:
        _sentence(reason)
    for event in found.events:
        _event(provider, event)
    for key, text in found.reply.items():
        assert key.isprintable()
        assert text.isprintable()
    return found


def _result(provider: Provider, request: Request, sender: Sender) -> Parsed | str:
    try:
        return provider.parse(request, sender)
    except NotUnderstood as problem:
        return str(problem)


def _sentence(text: str) -> None:
    assert text.strip(), "an empty sentence"
    assert text.isprintable(), f"not printable: {text!r}"
    assert len(text) <= _LONGEST_SENTENCE, f"too long: {text!r}"


def _event(provider: Provider, event: Event) -> None:
    image = event.image
    # Only the plain format may name an image by its digest alone.
    assert image.tag is not None or (image.digest is not None and provider.name == "generic")
    assert image.tag is None or is_tag(image.tag)
    assert image.digest is None or is_digest(image.digest)
    assert make_reference(image.registry, image.repository, image.tag, image.digest) == image
    # A host of one word is no host to a reader of whole references.
    if {".", ":"} & set(image.registry):
        assert parse_reference(str(image)) == image
    assert event.actor is None or (event.actor.isprintable() and 0 < len(event.actor) <= 200)
    assert event.delivery is None or 0 < len(event.delivery) <= _LONGEST_ID
    assert event.occurred_at is None or event.occurred_at.tzinfo is UTC
    assert event.occurred_at is None or event.occurred_at.year >= 1970
