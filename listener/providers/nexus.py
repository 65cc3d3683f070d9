"""Webhooks of Sonatype Nexus Repository 3 (capability "Webhook: Repository").

Source: https://help.sonatype.com/en/example-headers-and-payloads.html. A header tells the kind;
of the kinds only component events name a tag. The payload has Nexus' name of the repository but no
host, so the hook's `places` say where each is pulled from, else all are on its `registry`. Several
events may come of one upload, in no order. The signature is HMAC-SHA1 of the body in hex, without
prefix. Nothing is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from listener.model.reference import Reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import in_place, out_of_place, tagged_image
from listener.providers.payload import at, header, load_body, moment, plain, shape, shown, text_at
from listener.providers.provider import SAMPLE_ID, SAMPLE_TIME, Provider
from listener.providers.signatures import HexHmac

_COMPONENT = "rm:repository:component"
_ACTIONS = {"CREATED", "UPDATED"}
_EXPECTED = f"a Nexus webhook of the kind {_COMPONENT}"


class Nexus(Provider):
    """See the module."""

    name = "nexus"
    signatures = (HexHmac(("x-nexus-webhook-signature",), prefix="", algorithm="sha1"),)

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request; raises NotUnderstood."""
        kind = header(request, "x-nexus-webhook-id")
        if not kind:
            raise NotUnderstood(f"expected {_EXPECTED}, got no X-Nexus-Webhook-ID header")
        if kind != _COMPONENT:
            return Parsed((), (f"the event {shown(kind)} is not about a component",))
        payload = load_body(request, _EXPECTED)
        component = at(payload, "component")
        if not isinstance(component, dict):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        reason = _no_push(payload, component, sender)
        if reason:
            return Parsed((), (reason,))
        image = _image(payload, component, sender)
        if isinstance(image, str):
            return Parsed((), (image,))
        event = Event(
            image=image,
            # USER/ADDRESS; the address tells nothing of who pushed.
            actor=plain(text_at(payload, "initiator").rsplit("/", 1)[0]),
            occurred_at=moment(at(payload, "timestamp")),
            delivery=header(request, "x-nexus-webhook-delivery") or None,
        )
        return Parsed((event,))

    def sample(self, image: Reference) -> Request:
        """See `Provider`; the repository is one that no `places` know: `docker-hosted`."""
        return _sample("docker-hosted", image.repository, image.tag)

    def sample_at(self, image: Reference, places: Mapping[str, str]) -> Request:
        """See `Provider`."""
        found = out_of_place(image, places)
        return _sample(*found, image.tag) if found else self.sample(image)


def _sample(repository: str, name: str, tag: str | None) -> Request:
    headers = {
        "content-type": "application/json; charset=UTF-8",
        "x-nexus-webhook-id": _COMPONENT,
        "x-nexus-webhook-delivery": SAMPLE_ID,
    }
    body = {
        "timestamp": SAMPLE_TIME,
        "nodeId": "N1",
        "initiator": "ci/192.0.2.9",
        "repositoryName": repository,
        "action": "CREATED",
        "component": {
            "id": "c1",
            "componentId": "YzE=",
            "format": "docker",
            "name": name,
            "version": tag,
        },
    }
    return Request(headers, json.dumps(body).encode())


def _no_push(payload: object, component: object, sender: Sender) -> str | None:
    """Why a component event tells of no pushed image of this hook."""
    kind = text_at(component, "format")
    if kind != "docker":
        return f"a component of the format {shown(kind)}, not a container image"
    action = text_at(payload, "action")
    if action not in _ACTIONS:
        return f"the action {shown(action)} is not a push"
    repository = text_at(payload, "repositoryName")
    if sender.places and repository not in sender.places:
        return f"the repository {shown(repository)} is not one of this hook's `places`"
    return None


def _image(payload: object, component: object, sender: Sender) -> Reference | str:
    host, name = sender.registry or "", text_at(component, "name")
    place = sender.places.get(text_at(payload, "repositoryName"))
    if place:
        host, name = in_place(place, name)
    return tagged_image(host, name, text_at(component, "version"), "")
