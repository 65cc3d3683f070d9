"""Events of the zot registry: CloudEvents, binary as it sends them or structured by a relay.

Source: https://zotregistry.dev/v2.1.21/articles/events/. The data names no host: it is that of the
event's `source` where its operator made that a URL, else the hook's `registry`. Prefixes of types
can be configured too, so the end of a type tells. Zot repeats nothing, and cannot sign.
"""

from __future__ import annotations

import json

from listener.model.reference import Reference
from listener.providers.envelopes import CloudEvent, cloud_events
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import host_of, tagged_image
from listener.providers.outcomes import gathered
from listener.providers.payload import moment, shape, shown, text_at
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_ID, SAMPLE_TIME, Provider

UPDATED = ".image.updated"
_EXPECTED = 'a CloudEvent of zot with the data {"name": "team/web", "reference": "v1"}'


class Zot(Provider):
    """See the module."""

    name = "zot"

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The updated images among the events; raises NotUnderstood."""
        events = cloud_events(request, _EXPECTED)
        return gathered((read_event(event, sender) for event in events), len(events))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        headers = {
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": SAMPLE_ID,
            "ce-type": f"zotregistry{UPDATED}",
            "ce-source": f"https://{image.registry}",
            "ce-time": SAMPLE_TIME,
        }
        body = {
            "name": image.repository,
            "reference": image.tag,
            "digest": image.digest or SAMPLE_DIGEST,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifest": "{}",
        }
        return Request(headers, json.dumps(body).encode())


def read_event(event: CloudEvent, sender: Sender) -> Event | str:
    """The push that an event tells of, or the reason why it is none; raises NotUnderstood."""
    attributes, data = event
    if not attributes["type"].endswith(UPDATED):
        return f"the event {shown(attributes['type'])} is not a push"
    repository = text_at(data, "name")
    reference = text_at(data, "reference")
    if not repository or not reference:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(data)}")
    image = tagged_image(
        host_of(attributes.get("source", "")) or sender.registry or "",
        repository,
        reference,
        text_at(data, "digest"),
    )
    if isinstance(image, str):
        return image
    return Event(
        image=image,
        occurred_at=moment(attributes.get("time")),
        delivery=attributes.get("id") or None,
    )
