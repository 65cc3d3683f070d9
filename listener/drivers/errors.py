"""What can go wrong at an engine."""

from __future__ import annotations

from typing import Literal


class EngineAway(Exception):
    """The engine gave no answer: unknown socket, refused connection, broken or late answer.

    Whether a change was made is then unknown: look before doing it again.
    """


class EngineStuck(EngineAway):
    """The engine answers others, but not this call within its `seconds`: it may hang on that."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class EngineError(Exception):
    """The engine refused; `status` is its HTTP status, `message` its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class NotFound(EngineError):
    """No such container, image or network."""


class Conflict(EngineError):
    """The name is taken, or the thing is in use or in the wrong state."""


FaultKind = Literal["transient", "not_found", "denied", "no_platform", "disk_full", "final"]


class PullFault(Exception):
    """A pull that failed.

    `kind` says what it means, `retry_after` how many seconds to wait at least, `repeats` how
    often a further try is worth it (None: as often as time allows).
    """

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        retry_after: float | None = None,
        repeats: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after
        self.repeats = repeats
