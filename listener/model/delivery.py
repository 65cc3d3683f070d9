"""A delivery: one request to a hook, and how it was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from listener.model.base import Noun, timed_id

Outcome = Literal[
    "stored",
    "duplicate",
    "ignored",
    "tested",
    "replayed",
    "not understood",
    "refused",
    "limited",
    "no such hook",
    "wrong method",
    "handshake",
    "unavailable",
    "failed",
]


class Delivery(Noun):
    """One request as it is remembered: what became of it, and nothing that is a secret.

    `hook` and `provider` are empty where no hook has the name that was asked for. `code` is the
    HTTP status, `reason` why it was not all stored, `pushes` the ids of the pushes it brought,
    `milliseconds` how long proof and parsing took, `peer` the sender's address.
    """

    id: str
    hook: str
    provider: str
    received_at: datetime
    code: int
    outcome: Outcome
    reason: str | None = None
    pushes: tuple[str, ...] = ()
    milliseconds: float = 0.0
    peer: str | None = None

    @property
    def authentic(self) -> bool:
        """Whether a sender that proved itself made it; strangers may make any number of others."""
        return self.code < 400 or self.outcome in ("not understood", "unavailable", "failed")


def new_delivery_id(moment: datetime) -> str:
    """An id that sorts by time."""
    return timed_id("d", moment)
