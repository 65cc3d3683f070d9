"""Notifications of Google Artifact Registry and gcr.io, pushed by a Pub/Sub subscription.

Source: https://cloud.google.com/artifact-registry/docs/configure-notifications and, for the
envelope, https://cloud.google.com/pubsub/docs/push. The data is JSON in base64 in an envelope, or
the body itself where the subscription unwraps it; `tag` and `digest` are whole references. What is
not answered with success is delivered again for days, so a message that cannot be used is passed
over with a reason.
"""

from __future__ import annotations

import base64
import json
import re

from listener.model.reference import BadReference, Reference, make_reference, parse_reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.outcomes import DIGEST_AS_TAG, NO_TAG
from listener.providers.payload import (
    at,
    document_at,
    header,
    load_body,
    load_json,
    moment,
    shape,
    shown,
    text_at,
)
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_TIME, Provider

_EXPECTED = 'a Pub/Sub message of Artifact Registry {"action": "INSERT", "digest": "…", "tag": "…"}'


class Gar(Provider):
    """See the module."""

    name = "gar"
    repeats_until_2xx = True
    hosts = re.compile(r".+\.pkg\.dev|(?:.+\.)?gcr\.io")

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a message; raises NotUnderstood."""
        payload = load_body(request, _EXPECTED)
        message = at(payload, "message")
        data = payload if message is None else _data(message)
        action = text_at(data, "action")
        if not action:
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(data)}")
        if action != "INSERT":
            return Parsed((), (f"the action {shown(action)} is not a push",))
        tag = text_at(data, "tag")
        if not tag:
            return Parsed((), (NO_TAG,))
        image = _image(tag, text_at(data, "digest"), sender)
        if image.tag is None:
            return Parsed((), (DIGEST_AS_TAG,))
        # An unwrapped message has these in headers, where the subscription writes metadata.
        number = (
            text_at(message, "messageId")
            or text_at(message, "message_id")
            or header(request, "x-goog-pubsub-message-id")
        )
        time = (
            at(message, "publishTime")
            or at(message, "publish_time")
            or header(request, "x-goog-pubsub-publish-time")
        )
        return Parsed((Event(image, occurred_at=moment(time), delivery=number or None),))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        digest = image.digest or SAMPLE_DIGEST
        data = {
            "action": "INSERT",
            "digest": f"{image.name}@{digest}",
            "tag": f"{image.name}:{image.tag}",
        }
        message = {
            "data": base64.b64encode(json.dumps(data).encode()).decode(),
            "messageId": "900100",
            "publishTime": SAMPLE_TIME,
            "attributes": {},
        }
        body = {"message": message, "subscription": "projects/example/subscriptions/listener"}
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _data(message: object) -> object:
    try:
        decoded = base64.b64decode(document_at(message, "data").strip(), validate=True)
    except ValueError:
        raise NotUnderstood(f"expected {_EXPECTED}, got data that is no base64") from None
    return load_json(decoded, _EXPECTED)


def _image(tag: str, digest: str, sender: Sender) -> Reference:
    try:
        named = parse_reference(tag, default_host=sender.registry or "")
        digest = digest.rpartition("@")[2]
        return make_reference(named.registry, named.repository, named.tag, digest or named.digest)
    except BadReference as problem:
        raise NotUnderstood(str(problem)) from None
