"""Credentials of a registry on their way from where they are kept to where they are used."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Auth:
    """A user name and password, or an identity token; only the user name ever shows."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)


class CredentialsFault(Exception):
    """Credentials that should be there could not be read; a sentence without any secret."""
