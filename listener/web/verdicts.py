"""What a request to a hook comes to: decided from the request alone, before anything is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from listener.model.delivery import Outcome
from listener.model.push import Push


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status to answer with, the pushes to store first, and the reasons for all else.

    `error` is the whole answer where there is one. `reply` is what stands in it beside pushes and
    reasons: what a handshake wants to find, or the targets that a test was asked about.
    """

    status: int
    outcome: Outcome
    error: str | None = None
    pushes: Sequence[tuple[Push, str]] = ()
    reasons: Sequence[str] = ()
    reply: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str | None:
        """The first reason why not all of it was stored."""
        return self.error or (self.reasons[0] if self.reasons else None)


def refusal(
    status: int, outcome: Outcome, sentence: str, headers: Mapping[str, str] | None = None
) -> Verdict:
    """An answer that is an error."""
    return Verdict(status, outcome, error=sentence, headers=headers or {})


def shown_reasons(reasons: Sequence[str]) -> list[dict[str, str]]:
    """Each reason once: an envelope may hold a thousand layers."""
    return [
        {"reason": reason if count == 1 else f"{reason} ({count} events)"}
        for reason, count in Counter(reasons).items()
    ]
