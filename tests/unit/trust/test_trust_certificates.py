"""The certificates that SNS signs with: which ones count, and how often they are fetched."""

from __future__ import annotations

import asyncio

import pytest
from cryptography import x509
from trust_senders import (
    AUTHORITY,
    CERTIFICATE,
    EC_KEY,
    LEAF,
    NOW,
    PASSES,
    REFUSED,
    REGION,
    RSA_KEY,
    SNS,
    TOPIC,
    WEAK_RSA_KEY,
    Authority,
    Clock,
    Network,
    answer,
    certificate,
    notification,
    pem,
    signed,
    stamp,
)

from listener.providers import Request
from listener.trust.sns import Topics

LATER = (503, "the certificate of the topic cannot be had now: send it again later")
STRANGER = Authority("Stranger", EC_KEY)
PATH = "/SimpleNotificationService-0a1b.pem"


def tampered(leaf: x509.Certificate) -> bytes:
    lines = pem(leaf).split(b"\n")
    lines[5] = lines[5][::-1]
    return b"\n".join(lines)


BAD_CERTIFICATES = {
    "another host's": pem(certificate("shop.example.com", issuer=AUTHORITY)),
    "another region's": pem(certificate("sns-signing.us-east-1.amazonaws.com", issuer=AUTHORITY)),
    "a host's that ends right": pem(certificate("x.sns.amazonaws.com", issuer=AUTHORITY)),
    "a host's that begins right": pem(
        certificate("sns.amazonaws.com.example.net", issuer=AUTHORITY)
    ),
    "expired": pem(certificate(issuer=AUTHORITY, until=NOW - 1)),
    "expired, with its chain": pem(certificate(issuer=AUTHORITY, until=NOW - 1), AUTHORITY.root),
    "not valid yet": pem(certificate(issuer=AUTHORITY, since=NOW + 60)),
    "self-signed by a stranger": pem(certificate()),
    "a stranger's, with its chain": pem(certificate(issuer=STRANGER), STRANGER.root),
    "self-signed, with a trusted root": pem(certificate(), AUTHORITY.root),
    "with a weak key": pem(certificate(key=WEAK_RSA_KEY, issuer=AUTHORITY)),
    "without an RSA key": pem(certificate(key=EC_KEY, issuer=AUTHORITY)),
    "the root's": pem(AUTHORITY.root),
    "tampered with": tampered(LEAF) + pem(AUTHORITY.root),
    "truncated": pem(LEAF)[:-60],
    "empty": b"",
    "a page": b"<html>404</html>",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("file", BAD_CERTIFICATES.values(), ids=BAD_CERTIFICATES.keys())
async def test_a_bad_certificate_proves_nothing(
    topics: Topics, network: Network, file: bytes
) -> None:
    network.files[CERTIFICATE] = file
    for key in (RSA_KEY, WEAK_RSA_KEY):
        assert await answer(topics.check, signed(notification(), key=key)) == REFUSED
    network.files[CERTIFICATE] = pem(LEAF)
    assert await answer(topics.check, signed(notification())) == PASSES


@pytest.mark.parametrize(
    ("topic", "origin", "name"),
    [
        (TOPIC, SNS, "sns.amazonaws.com"),
        (TOPIC, SNS, f"sns.{REGION}.amazonaws.com"),
        (
            "arn:aws:sns:af-south-1:111122223333:push",
            "https://sns.af-south-1.amazonaws.com",
            "sns-signing.af-south-1.amazonaws.com",
        ),
        (
            "arn:aws-cn:sns:cn-north-1:111122223333:push",
            "https://sns.cn-north-1.amazonaws.com.cn",
            "sns-cn-north-1.amazonaws.com.cn",
        ),
        (
            "arn:aws-us-gov:sns:us-gov-east-1:111122223333:push",
            "https://sns.us-gov-east-1.amazonaws.com",
            "sns-us-gov-west-1.amazonaws.com",
        ),
    ],
)
@pytest.mark.parametrize("chain", [False, True], ids=["leaf", "chain"])
async def test_each_region_signs_with_its_own_name(
    network: Network, clock: Clock, topic: str, origin: str, name: str, *, chain: bool
) -> None:
    leaf = certificate(name, issuer=AUTHORITY)
    network.files[origin + PATH] = pem(leaf, AUTHORITY.root) if chain else pem(leaf)
    topics = Topics([topic], network, clock, AUTHORITY.store)
    message = notification(TopicArn=topic, SigningCertURL=origin + PATH)
    assert await answer(topics.check, signed(message)) == PASSES


async def test_a_leaf_without_alternative_names_is_known_by_its_common_name(
    topics: Topics, network: Network
) -> None:
    network.files[CERTIFICATE] = pem(certificate(issuer=AUTHORITY, alternative=False))
    assert await answer(topics.check, signed(notification())) == PASSES


async def test_a_chain_is_held_against_what_this_system_trusts(
    network: Network, clock: Clock
) -> None:
    """No system trusts the authority of a test."""
    network.files[CERTIFICATE] = pem(LEAF, AUTHORITY.root)
    topics = Topics([TOPIC], network, clock)
    assert await answer(topics.check, signed(notification())) == REFUSED


async def test_a_certificate_is_fetched_once_and_again_when_it_has_expired(
    topics: Topics, network: Network, clock: Clock
) -> None:
    for _ in range(3):
        assert await answer(topics.check, signed(notification())) == PASSES
    assert network.asked == [CERTIFICATE]
    clock.now += 86_401
    message = notification(Timestamp=stamp(clock.now))
    assert await answer(topics.check, signed(message)) == REFUSED
    network.files[CERTIFICATE] = pem(certificate(issuer=AUTHORITY, until=clock.now + 600))
    assert await answer(topics.check, signed(message)) == PASSES
    assert network.asked == [CERTIFICATE] * 3


def numbered(number: int) -> Request:
    url = f"{SNS}/SimpleNotificationService-{number}.pem"
    return signed(notification(SigningCertURL=url))


async def test_no_more_certificates_are_kept_than_a_few(topics: Topics, network: Network) -> None:
    for number in range(30):
        network.files[f"{SNS}/SimpleNotificationService-{number}.pem"] = pem(LEAF)
        assert await answer(topics.check, numbered(number)) == PASSES
    assert await answer(topics.check, numbered(29)) == PASSES
    assert len(network.asked) == 30
    assert await answer(topics.check, numbered(0)) == PASSES
    assert len(network.asked) == 31


async def test_many_at_once_share_one_fetch_and_a_flood_of_addresses_gets_few(
    topics: Topics, network: Network
) -> None:
    network.open.clear()
    same = [asyncio.create_task(answer(topics.check, signed(notification()))) for _ in range(20)]
    await network.reached.wait()
    flood = [asyncio.create_task(answer(topics.check, numbered(number))) for number in range(20)]
    done, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    assert {one.result() for one in done} == {LATER}
    network.open.set()
    assert await asyncio.gather(*same) == [PASSES] * 20
    assert await asyncio.gather(*flood) == [LATER] * 20
    assert len(network.asked) <= 4


async def test_without_the_certificate_the_sender_is_asked_to_come_again(
    topics: Topics, network: Network
) -> None:
    network.down = True
    assert await answer(topics.check, signed(notification())) == LATER
    network.down = False
    assert await answer(topics.check, signed(notification())) == PASSES
    network.down = True
    assert await answer(topics.check, signed(notification())) == PASSES
