"""What can go wrong at an engine, and what each fault of a pull means for the next try.

Engines tell of a failed pull in two ways: with a status before the stream of progress begins, or
as an error inside a stream that began with 200. Which of the two it is, and the wording, differ
between engines with the classic and the containerd image store.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["transient", "not_found", "denied", "no_platform", "disk_full", "final"]


class EngineAway(Exception):
    """The engine gave no answer: unknown socket, refused connection, broken or late answer.

    Whether a change was made is then unknown: look before doing it again.
    """


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


class PullFault(Exception):
    """A pull that failed.

    `kind` says what it means, `retry_after` how many seconds to wait at least, `repeats` how
    often a further try is worth it (None: as often as time allows).
    """

    def __init__(
        self,
        kind: Kind,
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


RATE_LIMIT_PAUSE = 30.0
"""Seconds after 429: the engine does not pass on the registry's own Retry-After."""

_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded")
_NO_PLATFORM = re.compile(r"no matching manifest for|no match for platform|specified platform")
_RATE_LIMIT = re.compile(r"toomanyrequests|too many requests|\b429\b")
_DENIED = re.compile(
    r"unauthorized|access denied|denied:|authentication required|no basic auth credentials"
    r"|insufficient_scope|incorrect username or password|authorization failed"
    r"|\b401\b|\b403\b|forbidden"
)
_CORRUPT = re.compile(
    r"verification failed|failed size validation|digest mismatch|unexpected commit"
    r"|invalid checksum|invalid digest|failed to register layer|does not match digest"
)
_MISSING = re.compile(r"not found|unknown|no such")
_WRONG_SETUP = re.compile(
    r"http response to https client|x509:|certificate|invalid reference|unsupported media"
    r"|mediatype|not supported|unsupported protocol"
)
_NETWORK = re.compile(r"connection refused|no such host|i/o timeout|dial tcp|eof|reset by peer")


def pull_fault(image: str, status: int | None, message: str) -> PullFault:
    """What an engine's failed pull of `image` means.

    `status` is None where the error came inside the stream. The order of the questions matters:
    "no such platform" and "denied" may both come as 404.
    """
    said = message.lower().replace(image.lower(), "").replace(image.partition("/")[2].lower(), "")
    sentence = f"The pull of {image} failed: {message}"
    if _DISK_FULL.search(said):
        return PullFault("disk_full", f"The engine's disk is full. {sentence}")
    if _NO_PLATFORM.search(said):
        return PullFault("no_platform", f"The image is not made for this platform. {sentence}")
    if status == 429 or _RATE_LIMIT.search(said):
        return PullFault("transient", sentence, retry_after=RATE_LIMIT_PAUSE)
    if status in (401, 403) or _DENIED.search(said):
        return PullFault("denied", f"The registry refuses access. {sentence}", repeats=1)
    if _CORRUPT.search(said):
        return PullFault("transient", f"A layer arrived damaged. {sentence}", repeats=2)
    if _NETWORK.search(said):
        return PullFault("transient", sentence)
    if status == 400 or _WRONG_SETUP.search(said):
        return PullFault("final", sentence)
    if status == 404:
        return PullFault("not_found", f"The registry does not have it. {sentence}")
    if status is None and _MISSING.search(said):
        return PullFault("transient", f"A part is missing. {sentence}", repeats=4)
    return PullFault("transient", sentence)
