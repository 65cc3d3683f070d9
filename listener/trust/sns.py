"""Messages of Amazon SNS topics: signed by SNS with a key whose certificate the message names.

Source: "Verifying the signatures of Amazon SNS messages" in the SNS developer guide.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import Store

from listener.providers import NotUnderstood, Request
from listener.providers.payload import load_json, moment
from listener.providers.signatures import as_bytes
from listener.providers.verify import UNAUTHORIZED, Refused
from listener.trust.certificates import SigningCertificates
from listener.trust.fetch import CannotFetch, Fetch
from listener.trust.refusal import Untrusted

NO_CERTIFICATE = "the certificate of the topic cannot be had now: send it again later"

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
"""The fields that are signed, in their order, by the type of the message."""
_OPTIONAL = "Subject"
_OLDEST = 3600.0
"""Seconds; SNS gives up on a delivery after an hour."""
_AHEAD = 300.0
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,128}\.pem")
_SUBSCRIBE = re.compile(r"/\?Action=ConfirmSubscription&[A-Za-z0-9%&=:._~+-]{1,2000}")

log = structlog.get_logger(__name__)


class Topics:
    """Checks that a request is a message of one of these topics (ARNs), and of now.

    `clock` gives Unix seconds. `roots` are the authorities to trust for SNS' certificates; None:
    those that this system trusts.
    """

    def __init__(
        self,
        topics: Sequence[str],
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
        roots: Store | None = None,
    ) -> None:
        self._topics = frozenset(topics)
        self._fetch = fetch
        self._clock = clock
        self._certificates = SigningCertificates(fetch, clock, roots)

    async def check(self, request: Request) -> str | None:
        """The address that confirms a subscription, where the message asks for that; else None.

        Raises Refused: 401 with one wording whatever is wrong, and the reason in the log; 503 while
        the certificate cannot be had.
        """
        try:
            return await self._check(request)
        except Untrusted as why:
            log.info("message of a topic refused", reason=str(why))
            raise Refused(401, UNAUTHORIZED) from None
        except CannotFetch as fault:
            log.warning("message of a topic not checked", reason=str(fault))
            raise Refused(503, NO_CERTIFICATE) from None

    async def confirm(self, url: str) -> None:
        """Confirms a subscription at the address that `check` gave; logs how it went."""
        topic = _topic_in(url)
        try:
            await self._fetch(url)
        except CannotFetch as fault:
            log.warning("subscription not confirmed", topic=topic, error=str(fault))
        else:
            log.info("subscription confirmed", topic=topic)

    async def _check(self, request: Request) -> str | None:
        message = _texts(request.body)
        topic = message.get("TopicArn", "")
        if topic not in self._topics:
            raise Untrusted("its topic is not among the topics of this hook")
        if message.get("SignatureVersion") != "2":
            raise Untrusted("it is signed with SHA-1: set SignatureVersion to 2 on the topic")
        self._admit_time(message.get("Timestamp", ""))
        signed, signature = _signed(message), _signature(message)
        region = topic.split(":")[3]
        origin = f"https://sns.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        address = _below(origin, _CERTIFICATE, message.get("SigningCertURL", ""))
        key = await self._certificates.key(address, region)
        try:
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise Untrusted("its signature is wrong") from None
        if message["Type"] != "SubscriptionConfirmation":
            return None
        url = _below(origin, _SUBSCRIBE, message["SubscribeURL"])
        if _topic_in(url) != topic:
            raise Untrusted("it asks to confirm another topic")
        return url

    def _admit_time(self, stamp: str) -> None:
        sent = moment(stamp)
        now = datetime.fromtimestamp(self._clock(), UTC)
        if sent is None or not -_AHEAD <= (now - sent).total_seconds() <= _OLDEST:
            raise Untrusted("it is older than an hour, or of the future")


def _texts(body: bytes) -> Mapping[str, str]:
    """The texts of a message by their names; a value of any other kind counts as absent."""
    try:
        message = load_json(body, "a message of Amazon SNS")
    except NotUnderstood as problem:
        raise Untrusted(str(problem)) from problem
    if not isinstance(message, dict):
        raise Untrusted("it is no message of Amazon SNS")
    return {name: value for name, value in message.items() if isinstance(value, str)}


def _signed(message: Mapping[str, str]) -> bytes:
    """What SNS signed of a message: each field as its name and its value, a line for each."""
    lines = []
    for name in _SIGNED.get(message.get("Type", ""), ()):
        value = message.get(name)
        if value is None and name == _OPTIONAL:
            continue
        # With a line end in a value, two different messages could be signed alike.
        if value is None or ("\n" in value and name != "Message"):
            raise Untrusted(f"its {name} is missing or has a line end")
        lines.append(f"{name}\n{value}\n")
    if not lines:
        raise Untrusted("its type is not known, or it is delivered raw, without a signature")
    return as_bytes("".join(lines))


def _signature(message: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(as_bytes(message.get("Signature", "")), validate=True)
    except binascii.Error:
        raise Untrusted("its signature is not base64") from None


def _below(origin: str, path: re.Pattern[str], url: str) -> str:
    """The address, if it is nothing but that origin and such a path."""
    if not url.startswith(origin) or not path.fullmatch(url, len(origin)):
        raise Untrusted("it names an address that is not one of SNS in the topic's region")
    return url


def _topic_in(url: str) -> str | None:
    """The topic that a SubscribeURL is of. The rest of it is a token, and stays out of logs."""
    try:
        return parse_qs(urlsplit(url).query, max_num_fields=10)["TopicArn"][0]
    except (ValueError, KeyError):
        return None
