"""Who is told of deployments: an entry of `notify:`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, SecretStr, field_validator, model_validator
from yarl import URL

from listener.config.github import GitHubServer, api_of, check_entry, check_environment
from listener.config.templates import check_template
from listener.model.base import Noun

TOLD = Literal[
    "waiting", "succeeded", "rolled_back", "failed", "superseded", "skipped", "rollback_failed"
]
"""The states that can be told: the final ones, and that something waits."""
FIELDS = (
    *("target", "host", "state", "reason", "trigger", "image", "tag"),
    *("from", "to", "id", "link"),
)
"""What a template may name."""
Environment = Annotated[str, AfterValidator(check_environment)]
_WEBHOOK = ("http", "https")


class Notifier(Noun):
    """An address that is told of deployments which come into one of the states `on`.

    With http:// and https:// it gets JSON, signed with `signing_secret`; any other address is one
    of Apprise, which gets text, made from `template` where there is one. An address may be a
    secret all by itself, so no message shows it. With `github` instead of an address GitHub is told
    of deployments of its own commits, as deployments to an `environment`.
    """

    url: SecretStr = SecretStr("")
    on: tuple[TOLD, ...] = ("rolled_back", "failed", "rollback_failed")
    signing_secret: SecretStr | None = None
    template: str | None = None
    github: GitHubServer | None = None
    token: SecretStr | None = None
    environment: Environment = "{target}@{host}"

    @field_validator("template")
    @classmethod
    def _of_known_fields(cls, value: str | None) -> str | None:
        if value is not None:
            check_template(value, FIELDS)
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.github is not None:
            check_entry(self.model_fields_set)
            return self
        for key in ("token", "environment"):
            if key in self.model_fields_set:
                raise ValueError(f"{key}: is for an entry with github")
        if not self.url.get_secret_value():
            raise ValueError("give url, url_file or github")
        if self.webhook:
            _check_webhook(self)
        elif self.signing_secret is not None:
            raise ValueError("signing_secret is for http:// and https:// addresses")
        elif not _known_to_apprise(self.url.get_secret_value()):
            raise ValueError(
                "url: is not an address that Apprise knows, like slack://… or mailto://…"
                " (https://github.com/caronc/apprise/wiki)"
            )
        return self

    @property
    def scheme(self) -> str:
        """The first part of the address, in small letters."""
        return self.url.get_secret_value().partition("://")[0].lower()

    @property
    def webhook(self) -> bool:
        """Whether it gets signed JSON."""
        return self.scheme in _WEBHOOK

    @property
    def name(self) -> str:
        """How logs and people call it: without anything that may be secret."""
        if self.github is not None:
            return self.github_host
        if not self.webhook:
            return self.scheme
        url = URL(self.url.get_secret_value())
        return f"{url.scheme}://{url.host}"

    @property
    def key(self) -> str:
        """Names it in Redis, for as long as its address is the same."""
        address = self.github or self.url.get_secret_value()
        return hashlib.sha256(address.encode()).hexdigest()[:12]

    @property
    def github_host(self) -> str:
        """The host of the repositories whose commits are told."""
        return URL(self.github or "").host or ""

    @property
    def github_api(self) -> URL:
        """The root of GitHub's API, from the configuration alone."""
        return api_of(self.github or "")


def _check_webhook(notifier: Notifier) -> None:
    if notifier.template is not None:
        raise ValueError("template: a webhook gets JSON, which has no template: remove it")
    try:
        host = URL(notifier.url.get_secret_value()).host
    except ValueError:
        host = None
    if not host:
        raise ValueError("url: is not an address like https://ops.example.com/in")
    if notifier.signing_secret is None:
        raise ValueError(
            "needs signing_secret or signing_secret_file beside its http address;"
            " for JSON without a signature write Apprise's json:// or jsons://"
        )
    secret = notifier.signing_secret.get_secret_value()
    if secret.startswith("whsec_"):
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("signing_secret: what follows whsec_ is not base64") from None


def _known_to_apprise(url: str) -> bool:
    # Imported where it is needed: it is large, and most know only webhooks or nobody at all.
    from apprise import Apprise

    # It logs the addresses that it does not understand, tokens and all.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return "://" in url and Apprise.instantiate(url) is not None
