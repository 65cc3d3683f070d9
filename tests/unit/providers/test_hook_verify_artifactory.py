"""One header of Artifactory: the secret itself, or an HMAC-SHA256 of the raw body in hex."""

from __future__ import annotations

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request
from listener.providers.verify import Refused, authenticate

KEY = "demo-key-not-a-secret"
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
SHA256 = "dc6cb666843e0445cb196b674a6e0900caaa2b3de8245acce1abc50aad926ea7"
SHA1 = "8d01ccedac501b76c4d18d66c78cbf8361dc563c"
EMPTY_KEY_SHA256 = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
HEADER = "x-jfrog-event-auth"
REFUSED = "401 missing or wrong token or signature"


def answer(
    headers: dict[str, str],
    *,
    body: bytes = BODY,
    keys: tuple[str, ...] = (),
    tokens: tuple[str, ...] = (),
    provider: str = "artifactory",
) -> str:
    """What the sender is told; empty where it may pass."""
    hook = Hook(provider=provider, hmac_secrets=keys, tokens=tokens)
    try:
        authenticate(PROVIDERS[provider], hook, Request(headers, body), None)
    except Refused as refused:
        return f"{refused.status} {refused}"
    return ""


def signed(value: str, keys: tuple[str, ...] = (KEY,), body: bytes = BODY) -> str:
    return answer({HEADER: value}, keys=keys, body=body)


@pytest.mark.parametrize("value", [SHA256, f" {SHA256} ", SHA256.upper()])
def test_the_right_signature_passes(value: str) -> None:
    assert signed(value) == ""


def test_keys_are_rotated_without_a_gap() -> None:
    assert signed(SHA256, keys=("next-key", KEY)) == ""
    assert signed(SHA256, keys=("next-key",)) == REFUSED


@pytest.mark.parametrize(
    "value",
    [
        "0" + SHA256[1:],
        SHA256[:-1],
        SHA256[:40],
        SHA256 + "0",
        SHA1,
        f"sha256={SHA256}",
        f"{SHA256},{SHA256}",
        "",
        " ",
        "é",
        "\udcff\ud800",
    ],
)
def test_no_other_signature_passes(value: str) -> None:
    assert signed(value) == REFUSED


def test_the_secret_in_clear_is_no_signature_and_a_signature_is_no_secret() -> None:
    assert signed(KEY) == REFUSED
    assert answer({HEADER: SHA256}, tokens=(KEY,)) == REFUSED


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\n", BODY.replace(b":", b": ")])
def test_it_is_of_this_body_byte_for_byte(body: bytes) -> None:
    assert signed(SHA256, body=body) == REFUSED


def test_an_empty_key_proves_nothing() -> None:
    assert signed(EMPTY_KEY_SHA256, keys=("",), body=b"") == REFUSED


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": f"sha256={SHA256}"},
        {"x-signature": f"sha256={SHA256}"},
        {"x-gitea-signature": SHA256},
        {"authorization": f"Bearer {KEY}"},
    ],
)
def test_nothing_else_takes_the_signatures_place(headers: dict[str, str]) -> None:
    assert answer(headers, keys=(KEY,)) == REFUSED


def test_the_secret_itself_is_a_token() -> None:
    assert answer({HEADER: KEY}, tokens=(KEY,)) == ""
    assert answer({HEADER: f" {KEY} "}, tokens=("next", KEY)) == ""
    assert answer({"authorization": f"Bearer {KEY}"}, tokens=(KEY,)) == ""


@pytest.mark.parametrize("value", ["", " ", KEY[:-1], KEY + "x", KEY.upper(), f"Bearer {KEY}", "é"])
def test_no_other_token_passes(value: str) -> None:
    assert answer({HEADER: value}, tokens=(KEY,)) == REFUSED


def test_the_header_is_nobody_elses() -> None:
    for provider in ("generic", "github", "nexus"):
        assert answer({HEADER: KEY}, tokens=(KEY,), provider=provider) == REFUSED
        assert answer({HEADER: SHA256}, keys=(KEY,), provider=provider) == REFUSED


def test_auto_takes_both() -> None:
    assert answer({HEADER: KEY}, tokens=(KEY,), provider="auto") == ""
    assert answer({HEADER: SHA256}, keys=(KEY,), provider="auto") == ""
    assert answer({HEADER: KEY}, keys=(KEY,), provider="auto") == REFUSED
