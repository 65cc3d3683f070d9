"""Events of Azure Container Registry: its own webhooks, and those of Event Grid.

Source: https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
and https://learn.microsoft.com/azure/event-grid/event-schema-container-registry. A webhook carries
one event as CNCF Distribution has it, without its envelope, and is sent once. Event Grid wraps the
same event into its own schema or into CloudEvents, mostly in a list, repeats it, and asks at first
for the code that it sends
(https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from listener.model.reference import Reference
from listener.providers.distribution import read_event, sample_event
from listener.providers.envelopes import CloudEvent, cloud_events, says_cloud_events, structured
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.outcomes import PING, all_or_none, gathered
from listener.providers.payload import at, load_body, plain, shape, shown, text_at
from listener.providers.provider import Provider

_NO_PUSHES = {
    "ping": PING,
    "chart_push": "a Helm chart, not an image",
    "chart_delete": "a Helm chart, not an image",
}
_PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
_HANDSHAKE = "Microsoft.EventGrid.SubscriptionValidationEvent"
_EXPECTED = (
    'an Azure Container Registry event {"action": "push", "target": {…}} or those of Event Grid'
)


class Acr(Provider):
    """See the module."""

    name = "acr"
    hosts = re.compile(r".+\.azurecr\.(?:io|cn|us)")

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The pushes of one event or a list of them; raises NotUnderstood.

        The host is that of the push's own request, then the hook's `registry`. A handshake is
        answered by `reply`.
        """
        events = _events(request)
        parsed = gathered((_outcome(kind, data, sender) for kind, data in events), len(events))
        codes = (text_at(data, "validationCode") for kind, data in events if kind == _HANDSHAKE)
        code = plain(next(codes, ""))
        return replace(parsed, reply={"validationResponse": code}) if code else parsed

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        event = sample_event(image)
        return Request({"content-type": "application/json"}, json.dumps(event).encode())


def _events(request: Request) -> list[tuple[str, object]]:
    """Type and data of each event, however they are wrapped; raises NotUnderstood."""
    if says_cloud_events(request):
        return [_of_cloud_event(event) for event in cloud_events(request, _EXPECTED)]
    payload = load_body(request, _EXPECTED)
    if isinstance(payload, dict) and "action" in payload:
        # A webhook says in its action what the others say in their type.
        return [(_PUSHED, payload)]
    entries = all_or_none(payload) if isinstance(payload, list) else [payload]
    return [_of_event_grid(entry) for entry in entries]


def _of_event_grid(entry: object) -> tuple[str, object]:
    if at(entry, "specversion") is not None:
        return _of_cloud_event(structured(entry, _EXPECTED))
    kind = text_at(entry, "eventType")
    if not kind:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(entry)}")
    return kind, at(entry, "data")


def _of_cloud_event(event: CloudEvent) -> tuple[str, object]:
    return event.attributes["type"], event.data


def _outcome(kind: str, data: object, sender: Sender) -> Event | str:
    if kind == _HANDSHAKE:
        return "a handshake of Event Grid, which is answered"
    if kind != _PUSHED:
        return f"the event {shown(kind)} is not a push of an image"
    return _NO_PUSHES.get(text_at(data, "action")) or read_event(data, sender)
