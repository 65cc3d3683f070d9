"""What can go wrong when a registry is asked."""

from __future__ import annotations


class RegistryFault(Exception):
    """A question to a registry that got no useful answer; the message is a sentence."""


class NotFound(RegistryFault):
    """The registry has no such repository or tag; just after a push that may still change."""


class Denied(RegistryFault):
    """The registry wants other credentials, or its credentials could not be read here."""


class LeftAlone(RegistryFault):
    """The registry was not asked, for it is to be left alone for `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class RegistryAway(RegistryFault):
    """The registry is out of reach, overloaded or answers nonsense.

    `retry_after` is how many seconds it asked to be left alone, None where it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
