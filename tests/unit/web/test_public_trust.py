"""Senders that prove themselves by somebody else's key: Pub/Sub, and topics of SNS."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from listener.config import Settings
from listener.model.reference import parse_reference
from listener.providers import PROVIDERS
from tests.unit.trust.trust_senders import (
    ACCOUNT,
    AUDIENCE,
    AUTHORITY,
    CERTIFICATE,
    ISSUER,
    TOPIC,
    Issuer,
    Network,
    certificate,
    claims,
    confirmation,
    notification,
    pem,
    signed,
    stamp,
    token,
)
from tests.unit.web.public_port import Port

GAR = "europe-west4-docker.pkg.dev/acme/apps/shop:v1"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v1"
UNAUTHORIZED = (401, {"error": "missing or wrong token or signature"})


@pytest.fixture
def files(port: Port) -> dict[str, bytes]:
    """The files of the issuer and of the topic, behind the hooks that ask for their proofs."""
    now = time.time()
    leaf = certificate(issuer=AUTHORITY, since=now - 60, until=now + 3600)
    issuer = Network()
    Issuer(issuer)
    port.files.update({CERTIFICATE: pem(leaf), **issuer.files})
    oidc = {"issuer": ISSUER, "audience": AUDIENCE, "claims": {"email": ACCOUNT}}
    hooks = {
        "gar": {"provider": "gar", "oidc": oidc},
        "ecr": {"provider": "ecr", "topics": [TOPIC]},
    }
    port.hooks.replace(Settings.model_validate({"hooks": hooks}))
    return port.files


async def test_a_push_with_the_token_of_its_account(port: Port, files: dict[str, bytes]) -> None:
    body = PROVIDERS["gar"].sample(parse_reference(GAR)).body
    code, answer = await port.send("/hooks/gar", body, authorization=f"Bearer {token()}")
    assert code == 202
    assert answer["pushes"][0]["image"] == GAR.rpartition(":")[0]
    stranger = token(claims(email="somebody@example.com"))
    assert await port.send("/hooks/gar", body, authorization=f"Bearer {stranger}") == UNAUTHORIZED
    assert await port.send("/hooks/gar", body) == UNAUTHORIZED


async def test_a_reload_keeps_the_keys_that_it_has(port: Port, files: dict[str, bytes]) -> None:
    body = PROVIDERS["gar"].sample(parse_reference(GAR)).body
    bearer = f"Bearer {token()}"
    assert (await port.send("/hooks/gar", body, authorization=bearer))[0] == 202
    files.clear()
    oidc = {"issuer": ISSUER, "audience": AUDIENCE, "claims": {"email": ACCOUNT}}
    hook = {"provider": "gar", "oidc": oidc, "repositories": ["acme/*"]}
    port.hooks.replace(Settings.model_validate({"hooks": {"gar": hook}}))
    assert (await port.send("/hooks/gar", body, authorization=bearer))[0] == 202
    oidc["audience"] = "another"
    port.hooks.replace(Settings.model_validate({"hooks": {"gar": hook}}))
    assert (await port.send("/hooks/gar", body, authorization=bearer))[0] == 503


async def test_keys_that_cannot_be_had_are_no_refusal(port: Port, files: dict[str, bytes]) -> None:
    files.clear()
    code, answer = await port.send("/hooks/gar", b"{}", authorization=f"Bearer {token()}")
    assert code == 503
    assert "keys of the issuer cannot be had now" in answer["error"]
    assert int(port.headers["Retry-After"]) > 0


async def test_a_signed_message_of_a_topic(port: Port, files: dict[str, bytes]) -> None:
    event = PROVIDERS["ecr"].sample(parse_reference(ECR)).body.decode()
    message = signed(notification(Message=event, Timestamp=stamp(time.time())))
    code, answer = await port.send("/hooks/ecr", message.body)
    assert code == 202
    assert answer["pushes"][0]["image"] == ECR.rpartition(":")[0]
    forged = json.loads(message.body)
    forged["Message"] = event.replace("shop/api", "shop/web")
    assert await port.send("/hooks/ecr", forged) == UNAUTHORIZED


async def test_a_subscription_is_confirmed_after_its_answer(
    port: Port, files: dict[str, bytes]
) -> None:
    request = confirmation(Timestamp=stamp(time.time()))
    address = request["SubscribeURL"]
    files[address] = b"<ConfirmSubscriptionResponse/>"
    port.fetched[address] = asyncio.Event()
    code, answer = await port.send("/hooks/ecr", signed(request).body)
    assert code == 200
    assert "subscription" in answer["ignored"][0]["reason"]
    await asyncio.wait_for(port.fetched[address].wait(), 5)
