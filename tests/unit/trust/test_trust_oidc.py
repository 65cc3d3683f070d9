"""Identity tokens: who may pass, and that nobody who may not learns why."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trust_senders import (
    ACCOUNT,
    AUDIENCE,
    EC_KEY,
    ISSUER,
    KEYS,
    OTHER_RSA_KEY,
    PASSES,
    REFUSED,
    RSA_KEY,
    Clock,
    Issuer,
    Network,
    answer,
    bearing,
    claims,
    identity_tokens,
    token,
    unsafe_token,
)

from listener.providers import Request
from listener.trust.oidc import IdentityTokens


@pytest.mark.parametrize(
    "make",
    [
        token,
        lambda: token(key=EC_KEY, algorithm="ES256", kid="k2"),
        # Made when it is their turn: the tests before them take longer than the leeway.
        lambda: token(claims(exp=int(time.time()) - 30)),
        lambda: token(claims(iat=int(time.time()) + 30)),
    ],
    ids=["RS256", "ES256", "a slow clock", "a fast clock"],
)
async def test_a_good_token_passes(checker: IdentityTokens, make: Callable[[], str]) -> None:
    good = make()
    assert await answer(checker.check, good) == PASSES


async def test_the_scheme_is_read_in_any_case(checker: IdentityTokens) -> None:
    assert (
        await answer(checker.check, Request({"authorization": f"bearer  {token()} "}, b""))
        == PASSES
    )


def forged_with_the_public_key(kind: Encoding) -> str:
    """HS256 whose secret is the issuer's public key, which everybody knows."""
    shape = PublicFormat.SubjectPublicKeyInfo
    secret = RSA_KEY.public_key().public_bytes(kind, shape)
    unsigned = unsafe_token({"alg": "HS256", "kid": "k1"}, claims(), b"").removesuffix(".")
    signature = hmac.digest(secret, unsigned.encode(), hashlib.sha256)
    return unsafe_token({"alg": "HS256", "kid": "k1"}, claims(), signature)


def spliced() -> str:
    """The signature of one token under the claims of another."""
    mine, other = token().split("."), token(claims(email="x@example.com")).split(".")
    return ".".join((other[0], other[1], mine[2]))


NOW = int(time.time())
BAD: dict[str, str | Request | None] = {
    "no header": bearing(None),
    "empty": "",
    "another scheme": Request({"authorization": f"Basic {token()}"}, b""),
    "in the query": Request({}, b"", {"token": token()}),
    "no token at all": "abc",
    "letters of no alphabet": "ä.ö.ü",
    "half a surrogate pair": "\udcff",
    "truncated": token()[:-8],
    "without a signature": token().rpartition(".")[0] + ".",
    "without claims": "..".join(token().split(".")[::2]),
    "of another body": spliced(),
    "another key": token(key=OTHER_RSA_KEY),
    "an unknown key": token(kid="k9"),
    "no key named": token(kid=None),
    "the key of another algorithm": token(kid="k2"),
    "none": unsafe_token({"alg": "none", "kid": "k1"}, claims(), b""),
    "NONE": unsafe_token({"alg": "NONE", "kid": "k1"}, claims(), b""),
    "no algorithm": unsafe_token({"kid": "k1"}, claims(), b"x"),
    "a list for an algorithm": unsafe_token({"alg": ["RS256"], "kid": "k1"}, claims(), b"x"),
    "a number for a key": unsafe_token({"alg": "RS256", "kid": 1}, claims(), b"x"),
    "a key of its own": unsafe_token(
        {"alg": "RS256", "kid": "k1", "jwk": Issuer.jwk("k1", OTHER_RSA_KEY)}, claims(), b"x"
    ),
    "RS512": token(algorithm="RS512"),
    "PS256": token(algorithm="PS256"),
    "HS256 with the public key in PEM": forged_with_the_public_key(Encoding.PEM),
    "HS256 with the public key in DER": forged_with_the_public_key(Encoding.DER),
    "critical things unknown": token(crit=["exp"], exp=1),
    "another issuer": token(claims(iss="https://other.example.com")),
    "an issuer that begins right": token(claims(iss=f"{ISSUER}.example.net")),
    "an issuer with a slash": token(claims(iss=f"{ISSUER}/")),
    "no issuer": token(claims(iss=None)),
    "another audience": token(claims(aud="https://other.example.com")),
    "an audience that begins right": token(claims(aud=f"{AUDIENCE}/more")),
    "several audiences": token(claims(aud=[AUDIENCE, "https://other.example.com"])),
    "no audience": token(claims(aud=None)),
    "expired": token(claims(exp=NOW - 120)),
    "no expiry": token(claims(exp=None)),
    "an expiry that is no number": token(claims(exp="soon")),
    "an endless expiry": unsafe_token({"alg": "RS256", "kid": "k1"}, {"exp": float("inf")}, b"x"),
    "issued in the future": token(claims(iat=NOW + 86_400)),
    "no time of issue": token(claims(iat=None)),
    "not valid yet": token(claims(nbf=NOW + 86_400)),
    "another email": token(claims(email="other@example.com")),
    "an email that ends right": token(claims(email=f"x{ACCOUNT}")),
    "an email in capitals": token(claims(email=ACCOUNT.upper())),
    "no email": token(claims(email=None)),
    "a list of emails": token(claims(email=[ACCOUNT])),
    "an email not verified": token(claims(email_verified=False)),
    "an email that nobody verified": token(claims(email_verified=None)),
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
async def test_whatever_is_wrong_the_answer_is_one(checker: IdentityTokens, sent: Any) -> None:
    assert await answer(checker.check, sent) == REFUSED
    assert await answer(checker.check, token()) == PASSES


async def test_the_reason_is_in_the_log_and_the_token_is_not(checker: IdentityTokens) -> None:
    bad = token(claims(email="other@example.com"))
    with capture_logs() as lines:
        await answer(checker.check, bad)
    assert [line["reason"] for line in lines] == ["its claim email is 'other@example.com'"]
    assert bad not in str(lines)


@pytest.mark.parametrize(
    ("wanted", "said", "expected"),
    [
        ({"sub": "repo:team/app:ref:refs/tags/*"}, {"sub": "repo:team/app:ref:refs/tags/v1"}, 200),
        ({"sub": "repo:team/app:*"}, {"sub": "repo:team/application:ref"}, 401),
        ({"sub": "repo:team/*"}, {"sub": "x-repo:team/app"}, 401),
        ({"ref": ["main", "v*"]}, {"ref": "v1.4"}, 200),
        ({"ref": ["main", "v*"]}, {"ref": "Main"}, 401),
        ({"ref_protected": "true"}, {"ref_protected": True}, 200),
        ({"ref_protected": "true"}, {"ref_protected": False}, 401),
        ({"ref_protected": "*"}, {}, 401),
        ({"project_id": "42"}, {"project_id": 42}, 200),
        ({"groups": "team"}, {"groups": ["team"]}, 401),
        ({"sub": "*", "ref": "main"}, {"ref": "other"}, 401),
        ({"sub": "*"}, {"email_verified": None}, 200),
    ],
)
async def test_each_claim_must_fit_one_of_its_globs(
    network: Network,
    issuer: Issuer,
    clock: Clock,
    wanted: dict[str, Any],
    said: dict[str, Any],
    expected: int,
) -> None:
    status, _ = await answer(
        identity_tokens(network, clock, claims=wanted).check, token(claims(**said))
    )
    assert status == expected


async def test_an_issuer_that_writes_itself_with_a_slash_is_taken_at_its_word(
    network: Network, issuer: Issuer, clock: Clock
) -> None:
    issuer.says(issuer=f"{ISSUER}/", jwks_uri=KEYS)
    checker = identity_tokens(network, clock, issuer=f"{ISSUER}/")
    assert await answer(checker.check, token(claims(iss=f"{ISSUER}/"))) == PASSES
    assert await answer(checker.check, token()) == REFUSED


@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "crit", "b64", "typ"]),
        st.sampled_from(["RS256", "k1", 1, None, True, [], {}, ["b64"], float("nan"), 10**400]),
    ),
    said=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "sub", "jti", "email"]),
        st.sampled_from([ISSUER, AUDIENCE, 1, None, True, [], {}, float("inf"), 10**400, ""]),
    ),
    honest=st.booleans(),
)
async def test_no_token_is_too_odd(header: Any, said: Any, honest: bool) -> None:
    """A signed one as well: anybody can have claims signed by a public issuer."""
    network = Network()
    Issuer(network)
    unsigned = unsafe_token({"alg": "RS256", "kid": "k1", **header}, said, b"").removesuffix(".")
    signature = RSA_KEY.sign(unsigned.encode(), PKCS1v15(), SHA256()) if honest else b"x" * 256
    sent = unsafe_token({"alg": "RS256", "kid": "k1", **header}, said, signature)
    assert await answer(identity_tokens(network, Clock()).check, sent) == REFUSED
