"""What a caller of one hook has to know: its URL, and where the proofs go that it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from listener.config import Hook

_URL_ONLY = {"aliyun", "dockerhub", "gar", "github", "nexus", "quay"}
"""Senders that let one set no header: the token stands in the URL."""
_AUTHORIZATION_ONLY = {"acr", "distribution", "ecr", "gitea", "gitlab", "harbor", "zot"}
"""Senders whose token goes into `Authorization`, whatever other header the hook also takes."""


@dataclass(frozen=True, slots=True)
class Access:
    """One hook as its caller sees it.

    `base` is how the port of the hooks is reached. `token` and `secret` are values or placeholders,
    None where the hook asks for none.
    """

    name: str
    hook: Hook
    base: str
    token: str | None
    secret: str | None

    @classmethod
    def of(cls, name: str, hook: Hook, base: str) -> Access:
        """With the first of the hook's tokens and the first of its secrets."""
        token = hook.tokens[0].get_secret_value() if hook.tokens else None
        secret = hook.hmac_secrets[0].get_secret_value() if hook.hmac_secrets else None
        return cls(name, hook, base, token, secret)

    @classmethod
    def hidden(cls, name: str, hook: Hook, base: str) -> Access:
        """With placeholders for both."""
        token = "TOKEN" if hook.tokens else None
        secret = "SECRET" if hook.hmac_secrets else None
        return cls(name, hook, base, token, secret)

    @property
    def token_in_url(self) -> bool:
        """Whether the token can only stand in the URL.

        Amazon SNS sets no headers, and an identity token takes the place of `Authorization`.
        """
        if self.hook.oidc is not None and self.header_name == "Authorization":
            return True
        return self.hook.provider in _URL_ONLY or bool(self.hook.topics)

    @property
    def url(self) -> str:
        """The URL to call, with the token where it has to stand in it."""
        return self.url_with_token if self.token_in_url else self._url

    @property
    def url_with_token(self) -> str:
        """The URL with the token as its last part, which every hook takes."""
        return f"{self._url}/{quote(self.token, safe='')}" if self.token else self._url

    @property
    def _url(self) -> str:
        return f"{self.base}/hooks/{self.name}"

    @property
    def header_name(self) -> str:
        """The header that a token goes into."""
        if self.hook.provider in _AUTHORIZATION_ONLY:
            return "Authorization"
        if self.hook.token_header:
            return "-".join(part.capitalize() for part in self.hook.token_header.split("-"))
        # Artifactory has one field for a secret, and it is taken where the webhook signs with it.
        own = self.hook.provider == "artifactory" and self.secret is None
        return "X-JFrog-Event-Auth" if own else "Authorization"

    @property
    def header(self) -> tuple[str, str] | None:
        """Name and value of the header with the token, None where there is none to be sent."""
        if self.token is None or self.token_in_url:
            return None
        name = self.header_name
        return name, f"Bearer {self.token}" if name == "Authorization" else self.token
