"""From the events of one request to the pushes that are stored, and the keys that tell repetition.

No I/O: in come a hook, parsed events and a time; out go pushes with their keys, and refusals.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from listener.model.base import timed_id
from listener.model.push import Push
from listener.model.reference import Reference
from listener.providers import Event, Parsed, Provider
from listener.providers.payload import plain
from listener.web.hooks import Door


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought: pushes with their keys, refusals, and reasons for the rest."""

    pushes: list[tuple[Push, str]]
    forbidden: list[str]
    ignored: tuple[str, ...]


def take_in(
    door: Door, provider: Provider, parsed: Parsed, aliases: Mapping[str, str], now: datetime
) -> Intake:
    """Sorts events into pushes and those that the hook may not speak for."""
    pushes: list[tuple[Push, str]] = []
    forbidden: list[str] = []
    for event in parsed.events:
        image = event.image.resolve(aliases)
        objection = door.objection(provider, image, event.image)
        if objection is None:
            pushes.append(
                (_push(door, provider, event, image, now), dedupe_key(door.name, event, image))
            )
        else:
            forbidden.append(objection)
    return Intake(pushes, forbidden, parsed.ignored)


def dedupe_key(hook: str, event: Event, image: Reference) -> str:
    """One key for each push, the same when its sender delivers it again.

    With the sender's id it is that id and the image: one delivery may bring several pushes. Else
    the sender's time takes its place. Where there is neither, the tag's newest push is known again
    by its digest, and one back to an earlier digest is new. Where there is no digest either,
    nothing tells a repetition from a second push of the same tag, so each delivery is new: a
    repetition then ends as `skipped`, but a lost push would be lost. Never the raw body: another
    spelling of the same JSON is the same push.
    """
    if event.delivery is not None:
        sign = f"id {event.delivery}"
    elif event.occurred_at is not None:
        sign = f"at {event.occurred_at.isoformat()}"
    elif image.digest is not None:
        return "\n".join((hook, f"{image.name}:{image.tag or ''}", "newest"))
    else:
        return secrets.token_hex(16)
    # The sender's part stands last: no other part can hold a line break.
    return "\n".join((hook, str(image), sign))


def new_push_id(moment: datetime) -> str:
    """An id that sorts by time."""
    return timed_id("p", moment)


def _push(door: Door, provider: Provider, event: Event, image: Reference, now: datetime) -> Push:
    return Push(
        id=new_push_id(now),
        hook=door.name,
        provider=provider.name,
        image=image.name,
        tag=image.tag,
        digest=image.digest,
        actor=event.actor,
        occurred_at=event.occurred_at,
        received_at=now,
        delivery=plain(event.delivery) if event.delivery else None,
        one_of_many=event.one_of_many,
    )


class ShownPush(TypedDict):
    """A push as the answer to its sender shows it."""

    id: str
    image: str
    tag: str | None
    digest: str | None
    targets: list[str]
    duplicate: bool


def shown_push(push: Push, push_id: str, *, duplicate: bool, targets: list[str]) -> ShownPush:
    """The push as it was stored under an id, and whom it is likely to reach."""
    return {
        "id": push_id,
        "image": push.image,
        "tag": push.tag,
        "digest": push.digest,
        "targets": targets,
        "duplicate": duplicate,
    }
