"""Signatures of Nexus: HMAC-SHA1 of the raw body in hex, in a header of its own."""

from __future__ import annotations

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request
from listener.providers.verify import Refused, authenticate

KEY = "demo-key-not-a-secret"
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
SHA256 = "dc6cb666843e0445cb196b674a6e0900caaa2b3de8245acce1abc50aad926ea7"
SHA1 = "8d01ccedac501b76c4d18d66c78cbf8361dc563c"
EMPTY_KEY_SHA1 = "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"
HEADER = "x-nexus-webhook-signature"
REFUSED = "401 missing or wrong token or signature"


def answer(
    headers: dict[str, str],
    *,
    body: bytes = BODY,
    keys: tuple[str, ...] = (KEY,),
    tokens: tuple[str, ...] = (),
    provider: str = "nexus",
) -> str:
    """What the sender is told; empty where it may pass."""
    hook = Hook(provider=provider, hmac_secrets=keys, tokens=tokens)
    try:
        authenticate(PROVIDERS[provider], hook, Request(headers, body), None)
    except Refused as refused:
        return f"{refused.status} {refused}"
    return ""


@pytest.mark.parametrize("value", [SHA1, f" {SHA1} ", SHA1.upper()])
def test_the_right_signature_passes(value: str) -> None:
    assert answer({HEADER: value}) == ""


def test_keys_are_rotated_without_a_gap() -> None:
    assert answer({HEADER: SHA1}, keys=("next-key", KEY)) == ""
    assert answer({HEADER: SHA1}, keys=(KEY, "next-key")) == ""
    assert answer({HEADER: SHA1}, keys=("next-key",)) == REFUSED


@pytest.mark.parametrize(
    "value",
    [
        "0" + SHA1[1:],
        SHA1[:-1],
        SHA1[:8],
        SHA1 + "0",
        SHA256,
        f"sha1={SHA1}",
        f"{SHA1},{SHA1}",
        f"{SHA1} {SHA1}",
        KEY,
        "",
        " ",
        "é",
        "\udcff\ud800",
    ],
)
def test_no_other_value_passes(value: str) -> None:
    assert answer({HEADER: value}) == REFUSED


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\n", BODY.replace(b":", b": ")])
def test_it_is_of_this_body_byte_for_byte(body: bytes) -> None:
    assert answer({HEADER: SHA1}, body=body) == REFUSED


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-nexus-webhook-id": "rm:repository:component"},
        {"x-hub-signature": f"sha1={SHA1}"},
        {"x-hub-signature-256": f"sha256={SHA256}"},
        {"x-jfrog-event-auth": SHA256},
        {"authorization": f"Bearer {KEY}"},
    ],
)
def test_nothing_else_takes_its_place(headers: dict[str, str]) -> None:
    assert answer(headers) == REFUSED


def test_an_empty_key_proves_nothing() -> None:
    assert answer({HEADER: EMPTY_KEY_SHA1}, body=b"", keys=("",)) == REFUSED


def test_a_token_beside_it_is_asked_for_too() -> None:
    token = {"authorization": "Bearer token"}
    assert answer({HEADER: SHA1, **token}, tokens=("token",)) == ""
    assert answer({HEADER: SHA1}, tokens=("token",)) == REFUSED
    assert answer({HEADER: SHA1[:-1], **token}, tokens=("token",)) == REFUSED


@pytest.mark.parametrize("provider", ["artifactory", "generic", "github"])
def test_it_is_nobody_elses(provider: str) -> None:
    assert answer({HEADER: SHA1}, provider=provider) == REFUSED


def test_auto_takes_it() -> None:
    assert answer({HEADER: SHA1}, provider="auto") == ""
    assert answer({HEADER: SHA1[:-1]}, provider="auto") == REFUSED
