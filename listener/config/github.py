"""An entry of `notify:` for GitHub: where its API is, and what else such an entry may say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator
from yarl import URL

from listener.config.templates import check_template

_CLOUD = "github.com"
_RESIDENCY = ".ghe.com"
_NOT_BESIDE = ("url", "on", "template", "signing_secret")
_FIELDS = ("target", "host")


def _server(value: str) -> str:
    problem = ValueError(f"{value!r} is not a server like github.com or ghe.example.com")
    try:
        url = URL(value if "://" in value else f"https://{value}")
    except ValueError:
        raise problem from None
    if url.scheme not in ("https", "http") or not url.host or url != url.origin() / "":
        raise problem
    return str(url.origin())


GitHubServer = Annotated[str, AfterValidator(_server)]
"""A server of GitHub, as scheme, host and port: ``https://github.com``."""


def api_of(server: str) -> URL:
    """The root of the REST API of a server."""
    url = URL(server)
    if url.host == _CLOUD or str(url.host).endswith(_RESIDENCY):
        return url.with_host(f"api.{url.host}")
    return url / "api/v3"


def check_environment(value: str) -> str:
    """The name of an environment, which may hold ``{target}`` and ``{host}``."""
    check_template(value, _FIELDS)
    if not value.strip():
        raise ValueError("is empty: name an environment or remove the key")
    return value


def check_entry(given: Collection[str]) -> None:
    """Whether the keys of an entry with `github` go together."""
    if "token" not in given:
        raise ValueError("needs token or token_file beside github: one that may write deployments")
    for key in _NOT_BESIDE:
        if key in given:
            raise ValueError(f"{key}: does not go with github, which is told of start and end")
