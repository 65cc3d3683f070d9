"""A provider's own sample of a push, proved as its hook asks for: what a test sends."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from listener.cli.access import Access
from listener.model.reference import Reference
from listener.providers import PROVIDERS, Provider, Request
from listener.providers.signatures import HexHmac, Signature, as_bytes


def sample(provider: Provider, image: Reference, places: Mapping[str, str]) -> Request:
    """What the registry would send for this image, from the repository whose place it is in."""
    for repository, place in sorted(places.items(), key=lambda one: len(one[1]), reverse=True):
        inside = image.name.removeprefix(f"{place}/")
        if inside == image.name:
            continue
        if provider.name == "artifactory":
            # Its sample takes the first part for the repository.
            return provider.sample(replace(image, repository=f"{repository}/{inside}"))
        if provider.name == "nexus":
            made = provider.sample(replace(image, repository=inside))
            body = json.loads(made.body) | {"repositoryName": repository}
            return replace(made, body=json.dumps(body).encode())
    return provider.sample(image)


def proved(access: Access, request: Request) -> Request:
    """The request with the token that is not in the URL, and signed."""
    headers = dict(request.headers)
    if access.header:
        name, value = access.header
        headers[name.lower()] = value
    if access.secret:
        provider = PROVIDERS[access.hook.provider].concrete(request)
        headers |= _signed(provider.signatures[0], request.body, access.secret)
    return replace(request, headers=headers)


def cannot_prove(access: Access) -> str | None:
    """Why nobody but the sender can call this hook, in words; None where its secrets are ours."""
    if access.hook.oidc is not None:
        return f"only {access.hook.oidc.issuer} makes the identity token that this hook asks for"
    if access.hook.topics:
        return "only Amazon SNS signs the messages of the topics that this hook takes"
    return None


def _signed(scheme: Signature, body: bytes, secret: str) -> dict[str, str]:
    """The headers that a sender adds; the body is the JSON that is signed."""
    # That of Gitea wraps another, to take it off a form, which a sample is not.
    scheme = getattr(scheme, "scheme", scheme)
    key = as_bytes(secret)
    if isinstance(scheme, HexHmac):
        digest = hmac.digest(key, body, scheme.algorithm).hex()
        return {scheme.headers[0]: f"{scheme.prefix}{digest}"}
    raise TypeError(f"there is no way to sign as {type(scheme).__name__}")
