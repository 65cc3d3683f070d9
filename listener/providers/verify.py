"""Who may use a hook: over the raw request, before anything is parsed.

A hook may ask for several kinds of proof, and every kind that it names must pass: the sender's
address (`allow_cidrs`), a token, a signature, and those that need a key from elsewhere
(`listener.trust`). Of one kind any value will do, so that a secret is changed without a gap. A hook
that names none is open only if it says `unauthenticated`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from pydantic import SecretStr

from listener.config import Hook
from listener.providers.events import Request
from listener.providers.provider import Provider
from listener.providers.signatures import any_match, as_bytes, basic_password

UNAUTHORIZED = "missing or wrong token or signature"


class Refused(Exception):
    """The request may not pass: the status to answer with, and a sentence that gives no clue."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def admit_address(hook: Hook, peer: str | None) -> None:
    """Raises Refused (403) unless the peer's address is in one of the hook's networks, if any.

    `peer` is the other end of the connection, or what a trusted proxy says it is. An IPv4 address
    in IPv6 clothing (``::ffff:10.0.0.9``) counts as IPv4.
    """
    if not hook.allow_cidrs:
        return
    address = parse_address(peer)
    if address is None or not any(address in network for network in hook.allow_cidrs):
        raise Refused(403, "this address is not allowed")


def parse_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """The address in a text, without zone, as IPv4 where it is one; None where it is none."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def authenticate(provider: Provider, hook: Hook, request: Request, path_token: str | None) -> None:
    """Raises Refused (401, one wording) unless token and signature are right, where asked for.

    Comparisons take the same time whatever differs, and an empty value never matches.
    """
    given = _tokens_in(provider, hook, request, path_token)
    if hook.tokens and not any_match(given, _values(hook.tokens)):
        raise Refused(401, UNAUTHORIZED)
    if hook.hmac_secrets:
        secrets = _values(hook.hmac_secrets)
        if not any(scheme.proves(request, secrets) for scheme in provider.signatures):
            raise Refused(401, UNAUTHORIZED)
    if not (hook.tokens or hook.proofs or hook.unauthenticated):
        raise Refused(401, UNAUTHORIZED)


def _tokens_in(
    provider: Provider, hook: Hook, request: Request, path_token: str | None
) -> Iterator[bytes]:
    """Everything that may be the token: path, query, headers, each reading of `Authorization`."""
    if path_token:
        yield as_bytes(path_token)
    # `access_token` is how CloudEvents puts it (HTTP 1.1 Web Hooks for Event Delivery §3.2).
    for name in ("token", "access_token"):
        if name in request.query:
            yield as_bytes(request.query[name])
    own = (hook.token_header,) if hook.token_header else ()
    for header in (*provider.token_headers, *own):
        if header in request.headers:
            yield as_bytes(request.headers[header].strip())
    header = request.headers.get("authorization", "").strip()
    if not header:
        return
    yield as_bytes(header)
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        yield as_bytes(rest.strip())
    elif scheme.lower() == "basic":
        yield from basic_password(rest.strip())


def _values(secrets: Iterable[SecretStr]) -> list[bytes]:
    """The secrets that can be one: an empty one proves nothing."""
    return [as_bytes(value) for one in secrets if (value := one.get_secret_value())]
