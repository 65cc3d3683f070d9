"""Who may use a hook."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request
from listener.providers.verify import Refused, admit_address, authenticate

KEY = "demo-key-not-a-secret"
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
UNAUTHORIZED = (401, "missing or wrong token or signature")
SHA256 = "dc6cb666843e0445cb196b674a6e0900caaa2b3de8245acce1abc50aad926ea7"
SHA1 = "8d01ccedac501b76c4d18d66c78cbf8361dc563c"


def passes(
    hook: dict[str, Any],
    *,
    provider: str = "generic",
    path: str | None = None,
    query: dict[str, str] | None = None,
    body: bytes = BODY,
    **headers: str,
) -> bool:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        authenticate(
            PROVIDERS[provider],
            Hook(provider=provider, **hook),
            Request(sent, body, query or {}),
            path,
        )
    except Refused as refused:
        return (refused.status, str(refused)) != UNAUTHORIZED
    return True


def basic(user: bytes, password: bytes) -> str:
    return "Basic " + base64.b64encode(user + b":" + password).decode()


@pytest.mark.parametrize(
    "sent",
    [
        {"path": KEY},
        {"query": {"token": KEY}},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"authorization": KEY},
        {"authorization": basic(b"ci", KEY.encode())},
        {"authorization": basic(b"", KEY.encode())},
        {"path": "wrong", "authorization": f"Bearer {KEY}"},
    ],
)
def test_a_token_in_each_of_its_places(sent: dict[str, Any]) -> None:
    assert passes({"tokens": [KEY]}, **sent)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"path": ""},
        {"path": KEY[:-1]},
        {"path": KEY + "x"},
        {"path": KEY.upper()},
        {"query": {"token": ""}},
        {"query": {"key": KEY}},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Digest {KEY}"},
        {"authorization": basic(KEY.encode(), b"")},
        {"authorization": basic(KEY.encode(), b"x")},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic é"},
        {"authorization": "\udcff\ud800"},
        {"path": "ключ"},
        {"x_hub_signature_256": f"sha256={SHA256}"},
    ],
)
def test_no_other_token_passes(sent: dict[str, Any]) -> None:
    assert not passes({"tokens": [KEY]}, **sent)


def test_tokens_are_rotated_without_a_gap() -> None:
    hook = {"tokens": ["old-token", "new-token"]}
    assert passes(hook, path="old-token")
    assert passes(hook, path="new-token")
    assert not passes(hook, path="old-tokennew-token")


def test_a_token_may_be_any_text() -> None:
    assert passes({"tokens": ["ключ:β"]}, authorization=basic(b"ci", "ключ:β".encode()))


@pytest.mark.parametrize("kind", ["tokens", "hmac_secrets"])
def test_an_empty_secret_matches_nothing(kind: str) -> None:
    empty = "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    for sent in (
        {},
        {"path": ""},
        {"authorization": "Bearer "},
        {"authorization": basic(b"", b"")},
    ):
        assert not passes({kind: [""]}, body=b"", **sent)
    assert not passes({kind: [""]}, body=b"", x_hub_signature_256=empty)


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("github", "x_hub_signature_256"),
        ("generic", "x_hub_signature_256"),
        ("generic", "x_signature"),
    ],
)
def test_a_signature_covers_the_raw_body(provider: str, header: str) -> None:
    hook = {"hmac_secrets": ["another", KEY]}
    good = {header: f"sha256={SHA256}"}
    assert passes(hook, provider=provider, **good)
    assert not passes(hook, provider=provider, body=BODY + b"\n", **good)
    assert not passes({"hmac_secrets": ["another"]}, provider=provider, **good)
    for value in ("", "sha256=", SHA256, f"sha1={SHA1}", f"sha256=sha256={SHA256}", "sha256=é"):
        assert not passes(hook, provider=provider, **{header: value})
    assert not passes(hook, provider=provider, authorization=f"Bearer {KEY}", path=KEY)


def test_the_old_sha1_signature_and_foreign_headers_count_for_nothing() -> None:
    hook = {"hmac_secrets": [KEY]}
    assert not passes(hook, provider="github", x_hub_signature=f"sha1={SHA1}")
    assert not passes(hook, provider="github", x_signature=f"sha256={SHA256}")


@pytest.mark.parametrize("provider", ["dockerhub", "distribution"])
def test_a_provider_that_cannot_sign_never_passes_a_signature(provider: str) -> None:
    hook = {"hmac_secrets": [KEY]}
    assert not passes(hook, provider=provider, x_hub_signature_256=f"sha256={SHA256}")


def test_token_and_signature_where_both_are_asked_for() -> None:
    hook = {"tokens": ["token"], "hmac_secrets": [KEY]}
    signature = {"x_hub_signature_256": f"sha256={SHA256}"}
    assert passes(hook, path="token", **signature)
    assert not passes(hook, **signature)
    assert not passes(hook, path="token")


def test_a_hook_without_any_proof_is_closed_unless_it_says_open() -> None:
    assert not passes({})
    assert passes({"unauthenticated": True})
    assert passes({"allow_cidrs": ["10.0.0.0/8"]})


@pytest.mark.parametrize(
    ("peer", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", True),
        ("11.1.2.3", False),
        ("2001:db9::1", False),
        ("", False),
        (None, False),
        ("registry", False),
    ],
)
def test_addresses(peer: str | None, admitted: bool) -> None:
    networks = ["10.0.0.0/8", "2001:db8::/32", "fe80::/10"]
    hook = Hook(provider="generic", allow_cidrs=networks)
    if admitted:
        admit_address(hook, peer)
    else:
        with pytest.raises(Refused, match="this address is not allowed") as refused:
            admit_address(hook, peer)
        assert refused.value.status == 403


def test_without_networks_every_address_may_try() -> None:
    admit_address(Hook(provider="generic"), None)


@pytest.mark.parametrize("name", [name for name, one in PROVIDERS.items() if one.signatures])
def test_what_a_scheme_signs_it_proves(name: str) -> None:
    for scheme in PROVIDERS[name].signatures:
        request = Request(scheme.sign(BODY, KEY.encode()), BODY)
        assert scheme.proves(request, [b"another", KEY.encode()])
        assert not scheme.proves(request, [b"another"])
