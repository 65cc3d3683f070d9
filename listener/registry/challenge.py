"""What a registry's 401 asks for, and the token that answers it.

The token flow is that of CNCF Distribution ("Token Authentication Specification"); with an
identity token it is the OAuth 2 form of the same ("oauth").
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from yarl import URL

from listener.model.auth import Auth
from listener.registry.faults import RegistryAway

_CLIENT = "listener"
_CHALLENGE = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One ``WWW-Authenticate``: its scheme in lower case and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """How to ask for a token; `form` is None for a GET."""

    url: URL
    headers: Mapping[str, str]
    form: Mapping[str, str] | None


def read_challenge(headers: Iterable[str]) -> Challenge | None:
    """The challenge to answer, Bearer before Basic; None where there is neither."""
    found: dict[str, Challenge] = {}
    for header in headers:
        match = _CHALLENGE.fullmatch(header)
        scheme, rest = (match[1], match[2]) if match else (header.strip(), "")
        values: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(rest):
            values.setdefault(name.lower(), quoted or bare)
        found.setdefault(scheme.lower(), Challenge(scheme.lower(), values))
    return found.get("bearer") or found.get("basic")


def basic(auth: Auth) -> str:
    """The value of ``Authorization`` for a user name and a password."""
    pair = f"{auth.username}:{auth.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def token_request(
    challenge: Challenge, repository: str, auth: Auth | None, *, plain_allowed: bool
) -> TokenRequest:
    """The request for a token that may pull, or with no repository one that only proves a login.

    Raises RegistryAway for a realm not to be trusted.
    """
    try:
        realm = URL(challenge.parameters.get("realm", ""))
    except ValueError:
        realm = URL()
    if realm.host is None or realm.scheme not in ("https", "http"):
        raise RegistryAway("The registry names no address that issues tokens")
    if realm.scheme != "https" and not plain_allowed:
        raise RegistryAway(
            f"The registry sends credentials to {realm.host} without encryption: "
            "set insecure: true for it under registries: if that is meant"
        )
    query = {}
    asked = f"repository:{repository}:pull" if repository else ""
    if scope := challenge.parameters.get("scope") or asked:
        query["scope"] = scope
    if service := challenge.parameters.get("service"):
        query["service"] = service
    if auth is not None and auth.identity_token:
        form = {
            "grant_type": "refresh_token",
            "client_id": _CLIENT,
            "refresh_token": auth.identity_token,
            **query,
        }
        return TokenRequest(realm, {}, form)
    headers = {"Authorization": basic(auth)} if auth else {}
    return TokenRequest(realm.extend_query(query), headers, None)
