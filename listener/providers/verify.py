"""Who may use a hook: over the raw request, before anything is parsed.

A hook may ask for three kinds of proof, and every kind that it names must pass: the sender's
address (`allow_cidrs`), a token, a signature. Of one kind any value will do, so that a secret is
changed without a gap. A hook that names none is open only if it says `unauthenticated`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address

from pydantic import SecretStr

from listener.config import Hook
from listener.providers.events import Provider, Request, SignatureScheme

_UNAUTHORIZED = "missing or wrong token or signature"


class Refused(Exception):
    """The request may not pass: the status to answer with, and a sentence that gives no clue."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def admit_address(hook: Hook, peer: str | None) -> None:
    """Raises Refused (403) unless the peer's address is in one of the hook's networks, if any.

    `peer` is the other end of the connection, never a header. An IPv4 address in IPv6 clothing
    (``::ffff:10.0.0.9``) counts as IPv4.
    """
    if not hook.allow_cidrs:
        return
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        raise Refused(403, "this address is not allowed") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not any(address in network for network in hook.allow_cidrs):
        raise Refused(403, "this address is not allowed")


def authenticate(provider: Provider, hook: Hook, request: Request, path_token: str | None) -> None:
    """Raises Refused (401, one wording) unless token and signature are right, where asked for.

    Comparisons take the same time whatever differs, and an empty value never matches.
    """
    asked = False
    if hook.tokens:
        asked = True
        if not _any_match(_tokens_in(request, path_token), _values(hook.tokens)):
            raise Refused(401, _UNAUTHORIZED)
    if hook.hmac_secrets:
        asked = True
        if provider.signature is None or not _signed(
            provider.signature, request, _values(hook.hmac_secrets)
        ):
            raise Refused(401, _UNAUTHORIZED)
    if not asked and not hook.allow_cidrs and not hook.unauthenticated:
        raise Refused(401, _UNAUTHORIZED)


def _tokens_in(request: Request, path_token: str | None) -> Iterator[bytes]:
    """Everything that may be the token: path, query, and each reading of `Authorization`."""
    if path_token:
        yield _bytes(path_token)
    if "token" in request.query:
        yield _bytes(request.query["token"])
    header = request.headers.get("authorization", "").strip()
    if not header:
        return
    yield _bytes(header)
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        yield _bytes(rest.strip())
    elif scheme.lower() == "basic":
        yield _password(rest.strip())


def _password(basic: str) -> bytes:
    try:
        return base64.b64decode(_bytes(basic), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _signed(scheme: SignatureScheme, request: Request, secrets: list[bytes]) -> bool:
    given = [
        _bytes(value.removeprefix(scheme.prefix).lower())
        for value in (request.headers.get(header, "").strip() for header in scheme.headers)
        if value.startswith(scheme.prefix)
    ]
    if not given:
        return False
    wanted = [hmac.digest(one, request.body, "sha256").hex().encode() for one in secrets]
    return _any_match(given, wanted)


def _any_match(given: Iterable[bytes], wanted: list[bytes]) -> bool:
    """Compares each with each, so that the time does not tell which one was near."""
    found = False
    for left in given:
        for right in wanted:
            found |= bool(left) and hmac.compare_digest(left, right)
    return found


def _values(secrets: Iterable[SecretStr]) -> list[bytes]:
    """The secrets that can be one: an empty one proves nothing."""
    return [_bytes(one.get_secret_value()) for one in secrets if one.get_secret_value()]


def _bytes(text: str) -> bytes:
    """Headers may hold bytes that are no UTF-8; each text has one encoding and none fails."""
    return text.encode("utf-8", "surrogatepass")
