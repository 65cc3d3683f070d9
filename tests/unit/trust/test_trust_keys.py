"""The keys of an issuer: when they are fetched, how long they work, and what counts as one."""

from __future__ import annotations

import asyncio
import json

import pytest
from trust_senders import (
    DISCOVERY,
    EC_KEY,
    ISSUER,
    KEYS,
    OTHER_RSA_KEY,
    PASSES,
    REFUSED,
    RSA_KEY,
    WEAK_RSA_KEY,
    Clock,
    Issuer,
    Network,
    answer,
    claims,
    token,
    unsafe_token,
)

from listener.trust.oidc import IdentityTokens

LATER = (503, "keys of the issuer cannot be had now: send it again later")


async def test_keys_are_fetched_once_an_hour(
    checker: IdentityTokens, network: Network, clock: Clock
) -> None:
    for _ in range(3):
        assert await answer(checker.check, token()) == PASSES
    assert network.asked == [DISCOVERY, KEYS]
    clock.now += 3601
    assert await answer(checker.check, token()) == PASSES
    assert network.asked == [DISCOVERY, KEYS] * 2


async def test_a_token_of_a_wrong_kind_fetches_nothing(
    checker: IdentityTokens, network: Network
) -> None:
    for sent in (
        "",
        "abc",
        unsafe_token({"alg": "HS256", "kid": "k1"}, claims(), b"x"),
        token(kid=None),
    ):
        assert await answer(checker.check, sent) == REFUSED
    assert network.asked == []


async def test_a_new_key_is_found_but_forged_ones_are_asked_for_once_a_minute(
    checker: IdentityTokens, issuer: Issuer, network: Network, clock: Clock
) -> None:
    assert await answer(checker.check, token()) == PASSES
    issuer.has(k3=OTHER_RSA_KEY)
    new = token(key=OTHER_RSA_KEY, kid="k3")
    assert await answer(checker.check, new) == REFUSED
    clock.now += 61
    assert await answer(checker.check, new) == PASSES
    assert await answer(checker.check, token()) == REFUSED
    for number in range(20):
        assert await answer(checker.check, token(kid=f"forged-{number}")) == REFUSED
    assert len(network.asked) == 4


async def test_many_at_once_share_one_fetch(checker: IdentityTokens, network: Network) -> None:
    network.open.clear()
    waiting = [asyncio.create_task(answer(checker.check, token())) for _ in range(50)]
    await network.reached.wait()
    waiting[0].cancel()
    network.open.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert await asyncio.gather(*waiting[1:]) == [PASSES] * 49
    assert network.asked == [DISCOVERY, KEYS]


async def test_without_keys_the_sender_is_asked_to_come_again(
    checker: IdentityTokens, network: Network, clock: Clock
) -> None:
    network.down = True
    assert await answer(checker.check, token()) == LATER
    assert await answer(checker.check, token()) == LATER
    assert len(network.asked) == 1
    network.down = False
    clock.now += 6
    assert await answer(checker.check, token()) == PASSES


async def test_known_keys_work_for_a_day_when_the_issuer_is_away(
    checker: IdentityTokens, network: Network, clock: Clock
) -> None:
    assert await answer(checker.check, token()) == PASSES
    network.down = True
    clock.now += 23 * 3600
    assert await answer(checker.check, token()) == PASSES
    assert await answer(checker.check, token(key=OTHER_RSA_KEY)) == REFUSED
    assert await answer(checker.check, token(key=OTHER_RSA_KEY, kid="k9")) == LATER
    assert network.asked == [DISCOVERY, KEYS, DISCOVERY]
    clock.now += 2 * 3600
    assert await answer(checker.check, token()) == LATER


async def test_a_key_that_was_withdrawn_ends_within_the_hour(
    checker: IdentityTokens, issuer: Issuer, clock: Clock
) -> None:
    assert await answer(checker.check, token()) == PASSES
    issuer.has(k2=EC_KEY)
    clock.now += 3601
    assert await answer(checker.check, token()) == REFUSED


ODD = {
    "nothing": {DISCOVERY: b""},
    "no JSON": {DISCOVERY: b"<html>"},
    "no text": {DISCOVERY: b"\xff\xfe"},
    "a list": {DISCOVERY: b"[]"},
    "deep": {DISCOVERY: b"[" * 60_000},
    "of another issuer": {DISCOVERY: json.dumps({"issuer": "https://x.test", "jwks_uri": KEYS})},
    "keys over http": {DISCOVERY: json.dumps({"jwks_uri": KEYS.replace("https", "http")})},
    "no address of keys": {DISCOVERY: json.dumps({"issuer": ISSUER})},
    "keys not JSON": {KEYS: b"-----BEGIN"},
    "keys no list": {KEYS: b'{"keys": {"kid": "k1"}}'},
    "no keys": {KEYS: b'{"keys": []}'},
    "keys of odd types": {
        KEYS: json.dumps(
            {
                "keys": [
                    None,
                    7,
                    {"kid": 7, "kty": "RSA"},
                    {"kid": "k1", "kty": "RSA", "n": 7, "e": []},
                    {"kid": "k1", "kty": ["RSA"]},
                    {"kid": "k1", "kty": "RSA", "alg": {}},
                    {"kid": "k1", "kty": "EC", "crv": "P-256", "x": "", "y": None},
                ]
            }
        )
    },
    "a shared secret": {
        KEYS: json.dumps({"keys": [{"kid": "k1", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]})
    },
    "a key for secrecy": {
        KEYS: json.dumps({"keys": [{**Issuer.jwk("k1", RSA_KEY), "use": "enc"}]})
    },
    "a weak key": {KEYS: json.dumps({"keys": [Issuer.jwk("k1", WEAK_RSA_KEY)]})},
}


@pytest.mark.parametrize("files", ODD.values(), ids=ODD.keys())
async def test_an_issuer_that_talks_nonsense_lets_nobody_in(
    checker: IdentityTokens, network: Network, files: dict[str, bytes | str]
) -> None:
    network.files[KEYS.replace("https", "http")] = network.files[KEYS]
    for address, content in files.items():
        network.files[address] = content.encode() if isinstance(content, str) else content
    assert await answer(checker.check, token()) == LATER


async def test_a_missing_name_of_the_issuer_is_no_fault(
    checker: IdentityTokens, issuer: Issuer
) -> None:
    issuer.says(jwks_uri=KEYS)
    assert await answer(checker.check, token()) == PASSES
