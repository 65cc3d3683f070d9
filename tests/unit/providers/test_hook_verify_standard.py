"""Standard Webhooks: base64 of an HMAC-SHA256 over id, time and raw body."""

from __future__ import annotations

import base64
import hmac
import time

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request
from listener.providers.generic import Generic
from listener.providers.signatures import StandardWebhooks
from listener.providers.verify import Refused, authenticate

KEY = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PLAIN_KEY = "demo-key-not-a-secret"
NUMBER = "msg_demo_0001"
NOW = 1750000000
BODY = b'{"image":"registry.example.test/shop/api:1.4.2"}'
SIGNATURE = "v1,Dm4PXKmsEFuYsn0+z2ynYanDo1MJs4nPUyH0AZYE/bQ="
OTHER = "v1,AAAAXKmsEFuYsn0+z2ynYanDo1MJs4nPUyH0AZYE/bQ="
REFUSED = "401 missing or wrong token or signature"
SENT = {
    "webhook-id": NUMBER,
    "webhook-timestamp": str(NOW),
    "webhook-signature": SIGNATURE,
}


def answer(
    headers: dict[str, str],
    *,
    body: bytes = BODY,
    keys: tuple[str, ...] = (KEY,),
    now: float = NOW,
) -> str:
    """What the sender is told at a time; empty where it may pass."""

    class AtThatTime(Generic):
        signatures = (StandardWebhooks(clock=lambda: now),)

    hook = Hook(provider="generic", hmac_secrets=keys)
    try:
        authenticate(AtThatTime(), hook, Request(headers, body), None)
    except Refused as refused:
        return f"{refused.status} {refused}"
    return ""


def sign(key: bytes, *, number: str = NUMBER, stamp: str = str(NOW), kind: str = "sha256") -> str:
    made = hmac.digest(key, f"{number}.{stamp}.".encode() + BODY, kind)
    return f"v1,{base64.b64encode(made).decode()}"


def test_the_known_signature_passes() -> None:
    assert answer(SENT) == ""


@pytest.mark.parametrize("provider", ["generic", "auto"])
def test_it_passes_by_the_clock_of_the_wall(provider: str) -> None:
    stamp = str(int(time.time()))
    headers = {
        "webhook-id": NUMBER,
        "webhook-timestamp": stamp,
        "webhook-signature": sign(PLAIN_KEY.encode(), stamp=stamp),
    }
    hook = Hook(provider=provider, hmac_secrets=[PLAIN_KEY])
    authenticate(PROVIDERS[provider], hook, Request(headers, BODY), None)
    # The vector is years old.
    with pytest.raises(Refused):
        authenticate(
            PROVIDERS[provider],
            Hook(provider=provider, hmac_secrets=[KEY]),
            Request(SENT, BODY),
            None,
        )


def test_any_right_one_of_several_signatures_is_enough() -> None:
    for value in (
        f"{OTHER} {SIGNATURE}",
        f"{SIGNATURE} {OTHER}",
        f"v1a,AAAA {OTHER} {SIGNATURE}",
        f"  {SIGNATURE}  ",
    ):
        assert answer({**SENT, "webhook-signature": value}) == ""
    assert answer({**SENT, "webhook-signature": f"{OTHER} {OTHER}"}) == REFUSED


def test_keys_are_rotated_without_a_gap() -> None:
    assert answer(SENT, keys=("whsec_bmV4dA==", KEY)) == ""
    assert answer(SENT, keys=(KEY, "next-key")) == ""
    assert answer(SENT, keys=("whsec_bmV4dA==", "next-key")) == REFUSED


def test_a_key_without_whsec_is_the_key_itself() -> None:
    sent = {**SENT, "webhook-signature": sign(PLAIN_KEY.encode())}
    assert answer(sent, keys=(PLAIN_KEY,)) == ""
    assert answer(sent) == REFUSED
    # The text of a whsec_ key is not the key.
    assert answer({**SENT, "webhook-signature": sign(KEY.encode())}) == REFUSED


@pytest.mark.parametrize("key", ["whsec_", "whsec_%%%", "whsec_AAE", ""])
def test_a_key_that_is_none_proves_nothing(key: str) -> None:
    for made in (b"", key.encode(), b"%%%"):
        sent = {**SENT, "webhook-signature": sign(made)}
        assert answer(sent, keys=(key,)) == REFUSED
        assert answer(sent, keys=(key, KEY)) == REFUSED
    assert answer(SENT, keys=(key, KEY)) == ""


@pytest.mark.parametrize(
    "value",
    [
        OTHER,
        SIGNATURE[:-1],
        SIGNATURE[:10],
        SIGNATURE + "=",
        SIGNATURE.lower(),
        SIGNATURE.removeprefix("v1,"),
        SIGNATURE.replace("v1,", "v1a,"),
        SIGNATURE.replace("v1,", "v2,"),
        SIGNATURE.replace("v1,", "v1="),
        SIGNATURE.replace("v1,", "v1, "),
        sign(base64.b64decode(KEY.removeprefix("whsec_")), kind="sha1"),
        sign(base64.b64decode(KEY.removeprefix("whsec_")), kind="sha512"),
        "v1,",
        "",
        " ",
        "é",
        "v1,\udcff",
    ],
)
def test_no_other_signature_passes(value: str) -> None:
    assert answer({**SENT, "webhook-signature": value}) == REFUSED


@pytest.mark.parametrize("header", sorted(SENT))
def test_a_missing_or_empty_header_is_refused(header: str) -> None:
    assert answer({name: value for name, value in SENT.items() if name != header}) == REFUSED
    assert answer({**SENT, header: ""}) == REFUSED
    assert answer({**SENT, header: " "}) == REFUSED


def test_without_an_id_a_signature_over_an_empty_one_is_refused() -> None:
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    sent = {**SENT, "webhook-id": "", "webhook-signature": sign(key, number="")}
    assert answer(sent) == REFUSED


def test_another_id_time_or_body_is_refused() -> None:
    assert answer({**SENT, "webhook-id": "msg_demo_0002"}) == REFUSED
    assert answer({**SENT, "webhook-timestamp": str(NOW + 1)}) == REFUSED
    # The dot moves: id and time of other lengths make the same text.
    assert answer({**SENT, "webhook-id": f"{NUMBER}.1"}) == REFUSED
    for body in (b"", BODY[:-1], BODY + b"\n", BODY.replace(b":", b": ")):
        assert answer(SENT, body=body) == REFUSED


@pytest.mark.parametrize(
    ("apart", "told"),
    [(0, ""), (299, ""), (300, ""), (-300, ""), (301, REFUSED), (-301, REFUSED), (86400, REFUSED)],
)
def test_it_is_good_for_five_minutes_before_and_after(apart: int, told: str) -> None:
    assert answer(SENT, now=NOW + apart) == told


@pytest.mark.parametrize(
    "stamp",
    [
        "-1",
        "+1750000000",
        "1.75e9",
        "1750000000.0",
        "0x684ee180",
        "now",
        "１７５０００００００",
        "9" * 5000,
    ],
)
def test_a_time_that_is_none_is_refused_even_if_it_is_signed(stamp: str) -> None:
    key = base64.b64decode(KEY.removeprefix("whsec_"))
    sent = {**SENT, "webhook-timestamp": stamp, "webhook-signature": sign(key, stamp=stamp)}
    assert answer(sent) == REFUSED


def test_it_is_the_generic_formats_alone() -> None:
    for provider in ("github", "nexus", "artifactory", "dockerhub"):
        with pytest.raises(Refused, match="missing or wrong token or signature"):
            authenticate(
                PROVIDERS[provider],
                Hook(provider=provider, hmac_secrets=[KEY]),
                Request(SENT, BODY),
                None,
            )
