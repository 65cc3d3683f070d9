"""Signatures of Gitea and Forgejo: one HMAC of the JSON under many names."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request, Sender
from listener.providers.verify import Refused, authenticate

KEY = "demo-key-not-a-secret"
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
SHA256 = "dc6cb666843e0445cb196b674a6e0900caaa2b3de8245acce1abc50aad926ea7"
SHA1 = "8d01ccedac501b76c4d18d66c78cbf8361dc563c"
OTHER = "0" + SHA256[1:]
BARE = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
PREFIXED = "x-hub-signature-256"
REFUSED = "401 missing or wrong token or signature"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def answer(headers: dict[str, str], *, body: bytes = BODY, keys: tuple[str, ...] = (KEY,)) -> str:
    """What the sender is told; empty where it may pass."""
    hook = Hook(provider="gitea", hmac_secrets=keys)
    try:
        authenticate(PROVIDERS["gitea"], hook, Request(headers, body), None)
    except Refused as refused:
        return f"{refused.status} {refused}"
    return ""


@pytest.mark.parametrize("header", BARE)
def test_the_bare_signature_under_each_name(header: str) -> None:
    assert answer({header: SHA256}) == ""
    assert answer({header: f" {SHA256} "}) == ""
    assert answer({header: SHA256}, keys=("next-key", KEY)) == ""


def test_the_signature_with_its_prefix_under_the_name_of_github() -> None:
    assert answer({PREFIXED: f"sha256={SHA256}"}) == ""


def test_any_right_one_of_all_that_are_sent_is_enough() -> None:
    assert answer(dict.fromkeys(BARE, SHA256) | {PREFIXED: f"sha256={SHA256}"}) == ""
    assert answer({"x-gitea-signature": OTHER, PREFIXED: f"sha256={SHA256}"}) == ""


@pytest.mark.parametrize("header", BARE)
@pytest.mark.parametrize(
    "value",
    [
        OTHER,
        SHA1,
        f"sha1={SHA1}",
        f"sha256={SHA256}",
        SHA256[:-1],
        SHA256[:40],
        SHA256 + "0",
        f"{SHA256},{SHA256}",
        "",
        " ",
        "é",
        "\udcff",
    ],
)
def test_no_other_bare_value_passes(header: str, value: str) -> None:
    assert answer({header: value}) == REFUSED


@pytest.mark.parametrize(
    "value",
    [
        f"sha256={OTHER}",
        f"sha256={SHA1}",
        f"sha1={SHA1}",
        f"sha1={SHA256}",
        f"sha512={SHA256}",
        SHA256,
        f"sha256={SHA256[:-1]}",
        f"sha256=sha256={SHA256}",
        "sha256=",
        "",
    ],
)
def test_no_other_prefixed_value_passes(value: str) -> None:
    assert answer({PREFIXED: value}) == REFUSED


@pytest.mark.parametrize(
    ("headers", "body", "keys"),
    [
        pytest.param({}, BODY, (KEY,), id="missing"),
        pytest.param({"x-gitea-signature": SHA256}, BODY, ("another",), id="wrong key"),
        pytest.param({"x-gitea-signature": SHA256}, BODY, ("",), id="empty key"),
        pytest.param({"x-gitea-signature": SHA256}, BODY + b"\n", (KEY,), id="longer body"),
        pytest.param({"x-gitea-signature": SHA256}, b"", (KEY,), id="no body"),
        pytest.param({"x-hub-signature": f"sha1={SHA1}"}, BODY, (KEY,), id="the old one of GitHub"),
        pytest.param({"x-signature": f"sha256={SHA256}"}, BODY, (KEY,), id="another header"),
        pytest.param({"authorization": f"Bearer {KEY}"}, BODY, (KEY,), id="the key itself"),
        pytest.param(
            {"x-gitea-signature": "", "x-hub-signature-256": "sha256="},
            BODY,
            (KEY,),
            id="no secret",
        ),
    ],
)
def test_all_else_is_refused_with_the_same_answer(
    headers: dict[str, str], body: bytes, keys: tuple[str, ...]
) -> None:
    assert answer(headers, body=body, keys=keys) == REFUSED


def test_a_form_is_signed_by_the_json_in_it() -> None:
    form = urlencode({"payload": BODY.decode()}).encode()
    signed = {"x-gitea-signature": SHA256}

    assert answer({**FORM, **signed}, body=form) == ""
    assert answer({**FORM, PREFIXED: f"sha256={SHA256}"}, body=form) == ""
    assert answer(signed, body=form) == REFUSED
    assert answer({**FORM, **signed}, body=BODY) == REFUSED
    for other in (b"", b"payload=", b"other=1", b"payload=%ff", b"payload=1&" + form, form + b"+"):
        assert answer({**FORM, **signed}, body=other) == REFUSED


def test_what_is_read_of_a_form_is_what_was_signed() -> None:
    first, second = '{"action": "deleted", "package": {}}', '{"action": "moved", "package": {}}'
    signature = hmac.digest(KEY.encode(), first.encode(), "sha256").hex()
    form = urlencode([("payload", first), ("payload", second)]).encode()
    headers = {**FORM, "x-gitea-event": "package", "x-gitea-signature": signature}

    assert answer(headers, body=form) == ""
    parsed = PROVIDERS["gitea"].parse(Request(headers, form), Sender())
    assert parsed.ignored == ("the action 'deleted' is not a push",)
