"""What an engine's words about a failed pull mean for the next try.

Engines tell of a failed pull in two ways: with a status before the stream of progress begins, or
as an error inside a stream that began with 200. Which of the two it is, and the wording, differ
between engines with the classic and the containerd image store; most causes inside the registry
come as 500, so the words decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from listener.drivers.errors import FaultKind, PullFault

RATE_LIMIT_PAUSE = 30.0
"""Seconds after 429: the engine does not pass on the registry's own Retry-After."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Applies where the status is one of `statuses` or the words match."""

    kind: FaultKind
    lead: str
    words: re.Pattern[str] | None = None
    statuses: tuple[int, ...] = ()
    only_in_stream: bool = False
    retry_after: float | None = None
    repeats: int | None = None

    def applies(self, status: int | None, said: str) -> bool:
        if self.only_in_stream and status is not None:
            return False
        return status in self.statuses or bool(self.words and self.words.search(said))


# The first rule that applies counts: "denied" and "no such platform" may both come as 404, and
# Docker Hub says "does not exist" in the same breath as "access denied".
_RULES = (
    _Rule(
        "final",
        "A proxy before the engine forbids pulls",
        re.compile(r"<h1>403|administrative rules"),
    ),
    _Rule(
        "disk_full",
        "The engine's disk is full",
        re.compile(r"no space left on device|disk quota exceeded"),
    ),
    _Rule(
        "no_platform",
        "The image is not made for the engine's platform",
        re.compile(r"no matching manifest for|no match for platform|specified platform"),
    ),
    _Rule(
        "transient",
        "The registry limits the rate",
        re.compile(r"toomanyrequests|too many requests|\b429\b"),
        (429,),
        retry_after=RATE_LIMIT_PAUSE,
    ),
    _Rule(
        "denied",
        "The registry refuses access",
        re.compile(
            r"unauthorized|access denied|denied:|is denied|authentication required"
            r"|insufficient_scope|no basic auth credentials|incorrect username or password"
            r"|authorization failed|\b401\b|\b403\b|forbidden"
        ),
        (401, 403),
        repeats=1,
    ),
    _Rule(
        "transient",
        "A layer arrived damaged",
        re.compile(
            r"verification failed|failed size validation|digest mismatch|unexpected commit"
            r"|invalid checksum|does not match digest|failed to register layer"
        ),
        repeats=2,
    ),
    _Rule(
        "final",
        "The registry cannot be used as it is set up",
        re.compile(
            r"http response to https client|x509:|invalid reference|unsupported media"
            r"|unsupported protocol"
        ),
        (400,),
    ),
    _Rule(
        "transient",
        "The registry is out of the engine's reach",
        re.compile(r"connection refused|no such host|i/o timeout|dial tcp|reset by peer|\beof\b"),
    ),
    _Rule(
        "transient",
        "The registry does not have a part of the image",
        re.compile(r"not found|unknown"),
        only_in_stream=True,
        repeats=4,
    ),
    # Where a registry's error has no "detail", the classic engine passes it on as 500.
    _Rule(
        "not_found",
        "The registry does not have the image",
        re.compile(r"manifest unknown|repository name not known"),
        (404,),
    ),
)
_OTHER = _Rule("transient", "The pull failed")


def pull_fault(image: str, status: int | None, message: str) -> PullFault:
    """The fault that an engine reported for `image` (``repository@digest``).

    `status` is None where the error came inside the stream.
    """
    # A repository may itself be called "denied" or "eof".
    repository = image.partition("@")[0]
    said = message
    for name in (image, repository, repository.partition("/")[2]):
        said = said.replace(name, "") if name else said
    said = said.lower()
    rule = next((rule for rule in _RULES if rule.applies(status, said)), _OTHER)
    return PullFault(
        rule.kind,
        f"{rule.lead}: {message} (pulling {image})",
        retry_after=rule.retry_after,
        repeats=rule.repeats,
    )
