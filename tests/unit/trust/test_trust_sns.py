"""Messages of Amazon SNS: signed by SNS, for a topic of the hook, now; all else gets one answer."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trust_senders import (
    AUTHORITY,
    CERTIFICATE,
    LEAF,
    NOW,
    OTHER_RSA_KEY,
    PASSES,
    REFUSED,
    REGION,
    RSA_KEY,
    SNS,
    TOPIC,
    Clock,
    Network,
    answer,
    confirmation,
    notification,
    pem,
    request,
    signed,
    stamp,
)

from listener.providers import Request
from listener.trust.sns import Topics


@pytest.mark.parametrize(
    "message",
    [
        notification(),
        notification(Subject="A push"),
        notification(Message="several\nlines\r\nand ünïcödé 🚢"),
        notification(Message=""),
        notification(Timestamp=stamp(NOW - 3590)),
        notification(Timestamp=stamp(NOW + 200)),
        notification(UnsubscribeURL=f"{SNS}/?Action=Unsubscribe"),
        confirmation(Type="UnsubscribeConfirmation"),
    ],
)
async def test_a_message_of_the_topic_passes(topics: Topics, message: dict[str, Any]) -> None:
    assert await answer(topics.check, signed(message)) == PASSES


async def test_a_wish_to_confirm_gives_the_address_to_call(topics: Topics) -> None:
    message = confirmation()
    assert await answer(topics.check, signed(message)) == (200, message["SubscribeURL"])
    escaped = f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC.replace(':', '%3A')}&Token=1"
    assert await answer(topics.check, signed(confirmation(SubscribeURL=escaped))) == (200, escaped)


def altered(**changed: Any) -> Request:
    """A message that was signed and then changed."""
    message = json.loads(signed(notification(Subject="A push")).body)
    return request({**message, **changed})


def with_signature(signature: Any) -> Request:
    return request({**notification(), "Signature": signature})


GOOD = base64.b64decode(json.loads(signed(notification()).body)["Signature"])
OF_SOMETHING_ELSE = base64.b64encode(
    RSA_KEY.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
).decode()


BAD: dict[str, Request] = {
    "no body": Request({}, b""),
    "no JSON": Request({}, b"{"),
    "no text": Request({}, b"\xff"),
    "deep": Request({}, b"[" * 100_000),
    "a list": Request({}, b"[]"),
    "raw delivery": Request({"x-amz-sns-rawdelivery": "true"}, b'{"source":"aws.ecr"}'),
    "truncated": Request({}, signed(notification()).body[:-20]),
    "another key": signed(notification(), key=OTHER_RSA_KEY),
    "signed with SHA-1 and says so": signed(notification(SignatureVersion="1")),
    "signed with SHA-512": signed(notification(), digest=hashes.SHA512()),
    "no version": signed(notification(SignatureVersion=None)),
    "a version that is a number": signed(notification(SignatureVersion=2)),
    "no signature": request(notification()),
    "an empty signature": with_signature(""),
    "half a signature": with_signature(base64.b64encode(GOOD[:128]).decode()),
    "a signature of something else": with_signature(OF_SOMETHING_ELSE),
    "a signature not in base64": with_signature("%%%"),
    "a signature with more in it": with_signature(base64.b64encode(GOOD).decode() + "\n%"),
    "a signature in letters of no alphabet": with_signature("ä"),
    "a signature in a list": with_signature(["AAAA"]),
    "another message": altered(Message="{}"),
    "another id": altered(MessageId="1"),
    "another subject": altered(Subject="x"),
    "a subject taken away": altered(Subject=None),
    "a time brought forward": altered(Timestamp=stamp(NOW - 1)),
    "half a surrogate pair": altered(Message="\ud800"),
    "another type": altered(Type="UnsubscribeConfirmation", Token="1", SubscribeURL="x"),
    "an unknown type": signed(notification(Type="Other")),
    "no type": signed(notification(Type="")),
    "no id": signed(notification(MessageId=None)),
    "lines in an id": signed(notification(MessageId="1\nTopicArn\nx")),
    "old": signed(notification(Timestamp=stamp(NOW - 3700))),
    "of the future": signed(notification(Timestamp=stamp(NOW + 400))),
    "no time": signed(notification(Timestamp="soon")),
    "another topic": signed(notification(TopicArn=TOPIC + "-2")),
    "a topic of another account": signed(notification(TopicArn=TOPIC.replace("1111", "9999"))),
    "a topic that begins wrong": signed(notification(TopicArn=f"x{TOPIC}")),
    "no topic": signed(notification(TopicArn="")),
    "to confirm at another host": signed(
        confirmation(
            SubscribeURL=f"https://example.net/?Action=ConfirmSubscription&TopicArn={TOPIC}"
        )
    ),
    "to confirm in another region": signed(
        confirmation(
            SubscribeURL=f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}"
        )
    ),
    "to confirm over http": signed(
        confirmation(SubscribeURL=confirmation()["SubscribeURL"].replace("https", "http"))
    ),
    "to do something else": signed(
        confirmation(SubscribeURL=f"{SNS}/?Action=DeleteTopic&TopicArn={TOPIC}")
    ),
    "to confirm another topic": signed(
        confirmation(SubscribeURL=f"{SNS}/?Action=ConfirmSubscription&TopicArn={TOPIC}-2&Token=1")
    ),
    "to confirm on another path": signed(
        confirmation(SubscribeURL=f"{SNS}/x?Action=ConfirmSubscription&TopicArn={TOPIC}")
    ),
    "to confirm nowhere": signed(confirmation(SubscribeURL=None)),
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD.keys())
async def test_whatever_is_wrong_the_answer_is_one(
    topics: Topics, network: Network, sent: Request
) -> None:
    assert await answer(topics.check, sent) == REFUSED
    assert set(network.asked) <= {CERTIFICATE}
    assert await answer(topics.check, signed(notification())) == PASSES


PATH = "/SimpleNotificationService-0a1b.pem"


@pytest.mark.parametrize(
    "url",
    [
        "",
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("https", "HTTPS"),
        f"https://example.net{PATH}",
        f"https://sns.{REGION}.amazonaws.com.example.net{PATH}",
        f"https://example.net/sns.{REGION}.amazonaws.com{PATH}",
        f"https://xsns.{REGION}.amazonaws.com{PATH}",
        f"https://sns-{REGION}.amazonaws.com{PATH}",
        f"https://sns.{REGION}.amazonaws.com.cn{PATH}",
        f"https://sns.{REGION}.amazonaws.comx{PATH}",
        f"https://sns.us-east-1.amazonaws.com{PATH}",
        f"https://sns.amazonaws.com{PATH}",
        f"https://sns.{REGION}.example.amazonaws.com{PATH}",
        f"https://user@sns.{REGION}.amazonaws.com{PATH}",
        f"https://sns.{REGION}.amazonaws.com@example.net{PATH}",
        f"https://sns.{REGION}.amazonaws.com:pass@example.net{PATH}",
        f"https://sns.{REGION}.amazonaws.com:8443{PATH}",
        f"https://sns.{REGION}.amazonaws.com\\@example.net{PATH}",
        f"https://s3.{REGION}.amazonaws.com{PATH}",
        f"{SNS}/other.pem",
        f"{SNS}/x{PATH}",
        f"{SNS}/SimpleNotificationService-/../x.pem",
        f"{SNS}/SimpleNotificationService-%2e%2e.pem",
        f"{CERTIFICATE}?x=1",
        f"{CERTIFICATE}#x",
        f"{CERTIFICATE}\n",
        f" {CERTIFICATE}",
        "https://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
    ],
)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(
    topics: Topics, network: Network, url: str
) -> None:
    network.files[url] = pem(LEAF)
    assert await answer(topics.check, signed(notification(SigningCertURL=url))) == REFUSED
    assert network.asked == []


async def test_the_reason_is_in_the_log(topics: Topics) -> None:
    with capture_logs() as lines:
        await answer(topics.check, signed(notification(SignatureVersion="1")))
    assert "set SignatureVersion to 2 on the topic" in lines[0]["reason"]


async def test_a_subscription_is_confirmed_and_the_log_says_how_it_went(
    topics: Topics, network: Network
) -> None:
    url = confirmation()["SubscribeURL"]
    network.files[url] = b"<ConfirmSubscriptionResponse/>"
    with capture_logs() as lines:
        await topics.confirm(url)
        network.down = True
        await topics.confirm(url)
    assert network.asked == [url, url]
    assert [(line["event"], line["log_level"], line["topic"]) for line in lines] == [
        ("subscription confirmed", "info", TOPIC),
        ("subscription not confirmed", "warning", TOPIC),
    ]
    assert "2336412f37" not in str(lines)


FIELDS = ["Type", "MessageId", "TopicArn", "Message", "Timestamp", "SignatureVersion", "Subject"]


@given(
    st.dictionaries(
        st.sampled_from([*FIELDS, "SigningCertURL", "Signature", "Token", "SubscribeURL"]),
        st.sampled_from(["", "\n", "2", "Notification", None, 1, [], {}, "\ud800", "9" * 5000]),
    )
)
async def test_no_message_is_too_odd(changed: dict[str, Any]) -> None:
    network = Network()
    network.files[CERTIFICATE] = pem(LEAF)
    topics = Topics([TOPIC], network, Clock(), AUTHORITY.store)
    sent = request({**json.loads(signed(notification()).body), **changed, "MessageId": "another"})
    assert await answer(topics.check, sent) == REFUSED
