"""Events of Amazon ECR: from EventBridge, as CloudEvents made of them, or through Amazon SNS.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html. Account and region make
the host. An API destination repeats for a day and may send a list, so an event of a list that
cannot be used is passed over with a reason. CloudEvents are what an input transformer makes; they
say `com.amazon.ecr.…` and the source ``urn:aws:ecr:REGION:ACCOUNT:repository/NAME``. In an SNS
notification the event is the text of `Message`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from listener.model.reference import Reference
from listener.providers.envelopes import (
    CloudEvent,
    cloud_events,
    says_cloud_events,
    structured,
)
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import tagged_image
from listener.providers.outcomes import gathered
from listener.providers.payload import (
    at,
    document_at,
    load_body,
    load_json,
    moment,
    shape,
    shown,
    text_at,
)
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_ID, SAMPLE_TIME, Provider

CLOUD_EVENTS = "com.amazon.ecr."
"""How the types of its CloudEvents begin."""
_EXPECTED = (
    'an ECR event of EventBridge {"source": "aws.ecr", "detail-type": "ECR Image Action", …}'
)
_HANDSHAKES = {
    "SubscriptionConfirmation": "a subscription that waits for its confirmation: nothing was "
    "pushed; open its SubscribeURL, or name its topic in `topics`",
    "UnsubscribeConfirmation": "the end of a subscription: nothing was pushed",
}
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]+")
_SOURCE = re.compile(r"(?:urn|arn):aws[a-z-]*:ecr:([^:]*):([^:]*):.*", re.DOTALL)
_OWN = re.compile(r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


class Ecr(Provider):
    """See the module. Signed SNS messages are checked where all keys from elsewhere are."""

    name = "ecr"
    repeats_until_2xx = True
    hosts = re.compile(r".+\.dkr\.ecr\..+\.amazonaws\.com(?:\.cn)?")

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The pushes of a request; raises NotUnderstood."""
        if says_cloud_events(request):
            events = cloud_events(request, _EXPECTED)
            outcomes = (_from_cloud_event(event, sender) for event in events)
            return gathered(outcomes, len(events))
        value = load_body(request, _EXPECTED)
        kind = text_at(value, "Type")
        if kind in _HANDSHAKES:
            return Parsed((), (_HANDSHAKES[kind],))
        if kind == "Notification":
            message = document_at(value, "Message")
            value = load_json(message.encode("utf-8", "surrogatepass"), _EXPECTED)
        if isinstance(value, list):
            return gathered(_each(value, sender), len(value))
        return gathered((_read(value, sender),), 1)

    def sample(self, image: Reference) -> Request:
        """See `Provider`; an image of another registry gets an invented account and region."""
        found = _OWN.fullmatch(image.registry)
        account, region = found.groups() if found else ("111122223333", "eu-west-1")
        body: dict[str, object] = {
            "version": "0",
            "id": SAMPLE_ID,
            "detail-type": "ECR Image Action",
            "source": "aws.ecr",
            "account": account,
            "time": SAMPLE_TIME,
            "region": region,
            "resources": [],
            "detail": {
                "result": "SUCCESS",
                "repository-name": image.repository,
                "image-digest": image.digest or SAMPLE_DIGEST,
                "action-type": "PUSH",
                "image-tag": image.tag,
            },
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _each(entries: list[object], sender: Sender) -> Iterator[Event | str]:
    for entry in entries:
        try:
            yield _read(entry, sender)
        except NotUnderstood as problem:
            yield str(problem)


def _read(entry: object, sender: Sender) -> Event | str:
    """The push that one event tells of, or the reason why it is none; raises NotUnderstood."""
    if at(entry, "specversion") is not None:
        return _from_cloud_event(structured(entry, _EXPECTED), sender)
    kind = text_at(entry, "detail-type")
    source = text_at(entry, "source")
    if not kind or not source:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(entry)}")
    if source != "aws.ecr" or kind != "ECR Image Action":
        return f"the event {shown(kind)} of {shown(source)} is not a push"
    detail = at(entry, "detail")
    action, result = text_at(detail, "action-type"), text_at(detail, "result")
    if action != "PUSH":
        return f"the action {shown(action)} is not a push"
    if result != "SUCCESS":
        return f"a push with the result {shown(result)}: nothing was pushed"
    image = tagged_image(
        _host(text_at(entry, "account"), text_at(entry, "region")) or sender.registry or "",
        text_at(detail, "repository-name"),
        text_at(detail, "image-tag"),
        text_at(detail, "image-digest"),
    )
    if isinstance(image, str):
        return image
    return Event(
        image, occurred_at=moment(at(entry, "time")), delivery=text_at(entry, "id") or None
    )


def _from_cloud_event(event: CloudEvent, sender: Sender) -> Event | str:
    attributes, data = event
    kind = attributes["type"]
    if not (kind.startswith(CLOUD_EVENTS) and kind.rpartition(".")[2] in ("push", "pushed")):
        return f"the event {shown(kind)} is not a push"
    source = _SOURCE.fullmatch(attributes.get("source", ""))
    region, account = source.groups() if source else ("", "")
    image = tagged_image(
        _host(text_at(data, "registryId") or account, region) or sender.registry or "",
        text_at(data, "repositoryName"),
        text_at(data, "imageTag"),
        text_at(data, "imageDigest"),
    )
    if isinstance(image, str):
        return image
    return Event(
        image,
        occurred_at=moment(attributes.get("time")),
        delivery=attributes.get("id") or None,
    )


def _host(account: str, region: str) -> str:
    """The registry of an account in a region; empty where either is none."""
    if not (_ACCOUNT.fullmatch(account) and _REGION.fullmatch(region)):
        return ""
    china = ".cn" if region.startswith("cn-") else ""
    return f"{account}.dkr.ecr.{region}.amazonaws.com{china}"
