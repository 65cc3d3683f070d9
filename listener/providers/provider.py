"""What every registry's webhook format offers; one subclass, in a file of its own, for each."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from listener.model.reference import Reference
from listener.providers.events import Parsed, Request, Sender
from listener.providers.signatures import Signature

_HOSTED = (
    r"docker\.io|ghcr\.io|quay\.io|(?:.+\.)?gcr\.io|.+\.pkg\.dev|.+\.azurecr\.(?:io|cn|us)"
    r"|.+\.dkr\.ecr\..+|public\.ecr\.aws|mcr\.microsoft\.com|registry\.gitlab\.com|.+\.aliyuncs\.com"
)
SELF_HOSTED = re.compile(rf"(?!(?:{_HOSTED})$).+")
"""Registries that somebody runs, by host: any but those that are the same for everybody."""


SAMPLE_DIGEST = "sha256:" + "5c" * 32
SAMPLE_TIME = "2026-03-01T10:00:00Z"
SAMPLE_ID = "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99"
"""What samples say where the image does not: invented, and the same in all of them."""


class Provider(ABC):
    """One registry's webhook format. No I/O, no state.

    `name` is what `provider:` says in the configuration. `repeats_until_2xx` marks senders that
    send an event again, and maybe before any later one, until it is answered with success; a bad
    event must not block them. `signatures` are the ways it signs, none where it cannot.
    `token_headers` carry a token beside the usual places. `hosts` are the registries that it may
    speak for where its hook names none; None: any.
    """

    name: ClassVar[str]
    repeats_until_2xx: ClassVar[bool] = False
    signatures: ClassVar[tuple[Signature, ...]] = ()
    token_headers: ClassVar[tuple[str, ...]] = ()
    hosts: ClassVar[re.Pattern[str] | None] = SELF_HOSTED

    def concrete(self, request: Request) -> Provider:
        """The format that an authenticated request is in: this one, unless it stands for many."""
        del request
        return self

    @abstractmethod
    def parse(self, request: Request, sender: Sender) -> Parsed:
        """Reads one request; raises NotUnderstood."""

    @abstractmethod
    def sample(self, image: Reference) -> Request:
        """What the registry would send for a push of this image, but for proofs and query.

        `image` has a tag; a digest is made up where it has none and the format wants one.
        """

    def sample_at(self, image: Reference, places: Mapping[str, str]) -> Request:
        """The same, by the sender's own name of the repository in whose place the image is."""
        del places
        return self.sample(image)
