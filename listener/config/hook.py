"""What the configuration says of one hook: who sends, how that is proved, what it may speak for."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from listener.config.quantities import Network, RegistryHost, parse_registry_host
from listener.model.base import Noun

ProviderName = Literal[
    "acr",
    "aliyun",
    "artifactory",
    "auto",
    "cloudevents",
    "distribution",
    "dockerhub",
    "ecr",
    "gar",
    "generic",
    "gitea",
    "github",
    "gitlab",
    "harbor",
    "nexus",
    "quay",
    "zot",
]
ISSUERS = {
    "google": "https://accounts.google.com",
    "github": "https://token.actions.githubusercontent.com",
    "gitlab": "https://gitlab.com",
}
"""Issuers of identity tokens by the short names that the configuration takes for them."""
_ISSUER = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_ORIGIN = re.compile(r"\*|[A-Za-z0-9.-]{1,253}")
_RATE = re.compile(r"(\d{1,9})\s*/\s*(s|m|h)")
_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def not_empty(value: str) -> str:
    """The text; raises ValueError where it is blank."""
    if not value.strip():
        raise ValueError("is empty: give a value or remove the key")
    return value


def _issuer(value: str) -> str:
    found = ISSUERS.get(value.strip().lower(), value.strip())
    if not _ISSUER.fullmatch(found):
        raise ValueError(
            f"{value!r} is not an issuer: write {', '.join(ISSUERS)} or its https:// address"
        )
    return found.rstrip("/")


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{value!r} is not the name of a header: write it like X-Token")
    return value.lower()


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a topic: write its ARN, like arn:aws:sns:eu-west-1:111122223333:name"
        )
    return value


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError(f"{value!r} is not an origin: write a host name, or * for all")
    return value.lower()


def _place(value: str) -> str:
    host, slash, prefix = value.strip().strip("/").partition("/")
    return parse_registry_host(host) + slash + prefix.lower()


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(not_empty)]
Header = Annotated[str, AfterValidator(_header)]
Topic = Annotated[str, AfterValidator(_topic)]
Origin = Annotated[str, AfterValidator(_origin)]
Place = Annotated[str, AfterValidator(_place)]
Claim = Annotated[
    tuple[Text, ...],
    Field(min_length=1),
    BeforeValidator(_one_or_more, json_schema_input_type=Text | tuple[Text, ...]),
]


class Rate(Noun):
    """So many requests within so many seconds; written ``60/m``."""

    count: int = Field(ge=1)
    seconds: float

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"count", "seconds"}:
            return value
        found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or int(found[1]) == 0:
            raise ValueError(f"{value!r} is not a rate: write it like 10/s, 60/m or 1000/h")
        return {"count": int(found[1]), "seconds": _PERIODS[found[2]]}


class Oidc(Noun):
    """An identity token (OpenID Connect) that each request must bear, and what it must say.

    `claims` maps a claim's name to the values it may have, any of them, ``*`` within for any text.
    Anybody can get a token of a public issuer, so one claim at least is asked for.
    """

    issuer: Annotated[str, AfterValidator(_issuer)]
    audience: Text
    claims: dict[str, Claim] = Field(min_length=1)


class Hook(Noun):
    """One URL that a registry calls, and how the caller proves who it is.

    Any of `tokens` and of `hmac_secrets` is taken, so that they can be rotated. `registry` is the
    only registry that the hook may speak for, and names it where the payload does not. `places`
    says where the images of the sender's repositories are pulled from, ``HOST[:PORT][/PREFIX]``,
    for senders that name a repository of their own instead. `topics` are those of Amazon SNS whose
    signed messages are taken. `origins` may ask, as CloudEvents has it, whether they may send.
    """

    provider: ProviderName
    tokens: tuple[SecretStr, ...] = ()
    token_header: Header | None = None
    hmac_secrets: tuple[SecretStr, ...] = ()
    allow_cidrs: tuple[Network, ...] = ()
    oidc: Oidc | None = None
    topics: tuple[Topic, ...] = ()
    unauthenticated: bool = False
    rate_limit: Rate | None = None
    origins: tuple[Origin, ...] = ()
    repositories: tuple[Text, ...] = ()
    registry: RegistryHost | None = None
    places: dict[str, Place] = {}

    @property
    def proofs(self) -> tuple[str, ...]:
        """The kinds of proof that it asks for, in words."""
        given = {
            "token": self.tokens,
            "signature": self.hmac_secrets,
            "identity token": self.oidc,
            "signed topic": self.topics,
            "address": self.allow_cidrs,
        }
        return tuple(word for word, value in given.items() if value)
