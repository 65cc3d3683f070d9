"""A request proved as its hook asks for: what a test sends."""

from __future__ import annotations

from dataclasses import replace

from listener.cli.access import Access
from listener.providers import PROVIDERS, Request
from listener.providers.signatures import as_bytes


def proved(access: Access, request: Request) -> Request:
    """The request with the token that is not in the URL, and signed."""
    headers = dict(request.headers)
    if access.header:
        name, value = access.header
        headers[name.lower()] = value
    if access.secret:
        provider = PROVIDERS[access.hook.provider].concrete(request)
        headers |= provider.signatures[0].sign(request.body, as_bytes(access.secret))
    return replace(request, headers=headers)


def cannot_prove(access: Access) -> str | None:
    """Why nobody but the sender can call this hook, in words; None where its secrets are ours."""
    if access.hook.oidc is not None:
        return f"only {access.hook.oidc.issuer} makes the identity token that this hook asks for"
    if access.hook.topics:
        return "only Amazon SNS signs the messages of the topics that this hook takes"
    return None
