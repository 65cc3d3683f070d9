"""CloudEvents of senders that have no provider of their own, in all three modes.

Source: https://github.com/cloudevents/spec. The data of a push names its image by these keys:

- `image`: all in one text, or
- `repository`, `repositoryName` or `name`, with `registry` or `registryUrl`, where there is none as
  in the plain format of `generic`; and with
- `tag`, `imageTag` or `reference`, and maybe
- `digest` or `imageDigest`.

No list of types tells pushes from the rest, so those are left out whose type ends in a word for
something else, such as ``com.example.image.deleted``. `source` and `id` together tell repetitions,
as the specification has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from listener.model.reference import Reference, is_digest
from listener.providers.envelopes import CloudEvent, cloud_events
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.generic import read_image
from listener.providers.outcomes import DIGEST_AS_TAG, NO_TAG, gathered
from listener.providers.payload import moment, shape, shown, text_at
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_ID, SAMPLE_TIME, Provider

_KEYS = {
    "image": ("image",),
    "registry": ("registry", "registryUrl"),
    "repository": ("repository", "repositoryName", "name"),
    "tag": ("tag", "imageTag", "reference"),
    "digest": ("digest", "imageDigest"),
}
_NO_PUSH = re.compile(r"delet|remov|untag|purg|expir|pull|scan|lint|fail")
_EXPECTED = (
    'a CloudEvent with the data {"repository": "registry.example.com/team/web", "tag": "v1"}'
)


class CloudEvents(Provider):
    """See the module."""

    name = "cloudevents"
    hosts = None

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The pushes among the events; raises NotUnderstood."""
        events = cloud_events(request, _EXPECTED)
        return gathered((_read(event, sender) for event in events), len(events))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        body = {
            "specversion": "1.0",
            "id": SAMPLE_ID,
            "type": "com.example.image.pushed",
            "source": f"https://{image.registry}",
            "time": SAMPLE_TIME,
            "datacontenttype": "application/json",
            "data": {
                "registry": image.registry,
                "repository": image.repository,
                "tag": image.tag,
                "digest": image.digest or SAMPLE_DIGEST,
            },
        }
        return Request({"content-type": "application/cloudevents+json"}, json.dumps(body).encode())


def _read(event: CloudEvent, sender: Sender) -> Event | str:
    """The push that an event tells of, or the reason why it is none; raises NotUnderstood."""
    attributes, data = event
    kind = attributes["type"]
    if _NO_PUSH.search(_last_word(kind)):
        return f"the event {shown(kind)} is not a push"
    if not isinstance(data, dict):
        raise NotUnderstood(f"expected {_EXPECTED}, got data that is {shape(data)}")
    parts = {
        name: next(filter(None, (text_at(data, key) for key in keys)), "")
        for name, keys in _KEYS.items()
    }
    if not parts["image"] and not parts["repository"]:
        raise NotUnderstood(f"expected {_EXPECTED}, got data that is {shape(data)}")
    if is_digest(parts["tag"]):
        return DIGEST_AS_TAG
    found = read_image(parts, sender)
    if found.image.tag is None:
        return NO_TAG
    return replace(
        found, occurred_at=moment(attributes.get("time")), delivery=_delivery(attributes)
    )


def _last_word(kind: str) -> str:
    """What happened, by the end of a type; versions may follow it, as in CDEvents."""
    words = [word for word in re.split(r"[./]", kind.lower()) if word and not word.isdigit()]
    return words[-1] if words else ""


def _delivery(attributes: Mapping[str, str]) -> str | None:
    if not attributes.get("id"):
        return None
    return f"{attributes.get('source', '')} {attributes['id']}".strip()
