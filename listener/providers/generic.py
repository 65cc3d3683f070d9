"""The plain format for CI jobs and everything else that can post JSON.

One object or a list of them, each naming an image in one of these ways; other keys are allowed:

- ``{"image": "registry.example.com/team/web:v1"}`` (``artifact`` is taken for ``image``), with an
  optional ``tag`` or ``digest`` beside it;
- ``{"registry": "registry.example.com", "repository": "team/web", "tag": "v1"}``, with ``tag``,
  ``digest`` or both; without ``registry`` the repository may bear the host itself;
- ``{"name": "registry.example.com/team/web", "tag": "v1"}``.

Where nothing names a host, it is the hook's `registry`, else ``docker.io`` as for Docker itself. A
list is taken whole or not at all. Signatures are those of GitHub (``X-Hub-Signature-256``) and
Flux (``X-Signature``, https://fluxcd.io/flux/components/notification/receivers/#generic-hmac), in
both cases ``sha256=HEX``, and Standard Webhooks (https://www.standardwebhooks.com), whose
``webhook-id`` tells repetitions. Without it there is no id and no time, so each delivery is a push
of its own.
"""

from __future__ import annotations

import json
from dataclasses import replace

from listener.model.reference import (
    DOCKER_HUB,
    BadReference,
    Reference,
    make_reference,
    parse_reference,
)
from listener.providers.events import (
    MAX_EVENTS,
    Event,
    NotUnderstood,
    Parsed,
    Request,
    Sender,
)
from listener.providers.naming import host_of
from listener.providers.payload import header, load_body, shape, shown, text_at
from listener.providers.provider import Provider
from listener.providers.signatures import HexHmac, StandardWebhooks

_EXPECTED = '{"image": "registry.example.com/team/web:v1"} or a list of such objects'


class Generic(Provider):
    """See the module."""

    name = "generic"
    signatures = (HexHmac(("x-hub-signature-256", "x-signature")), StandardWebhooks())
    hosts = None

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """One push for each object; raises NotUnderstood, naming the object of a list."""
        payload = load_body(request, _EXPECTED)
        delivery = header(request, "webhook-id") or None
        if not isinstance(payload, list):
            return Parsed((replace(read_image(payload, sender), delivery=delivery),))
        if not payload:
            return Parsed((), ("an empty list",))
        if len(payload) > MAX_EVENTS:
            raise NotUnderstood(f"expected at most {MAX_EVENTS} images, got {len(payload)}")
        events = []
        for position, entry in enumerate(payload, start=1):
            try:
                events.append(replace(read_image(entry, sender), delivery=delivery))
            except NotUnderstood as problem:
                raise NotUnderstood(f"number {position} of the list: {problem}") from None
        return Parsed(tuple(events))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        body = {"image": str(image)}
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def read_image(entry: object, sender: Sender) -> Event:
    """The image that one object names; raises NotUnderstood."""
    try:
        named = _named(entry, sender.registry or DOCKER_HUB)
        image = _completed(named, text_at(entry, "tag"), text_at(entry, "digest"))
    except BadReference as problem:
        raise NotUnderstood(str(problem)) from None
    if image.tag is None and image.digest is None:
        raise NotUnderstood(
            f"{image.name} has neither a tag nor a digest: write it like {image.name}:v1"
        )
    return Event(image=image)


def _named(entry: object, default_host: str) -> Reference:
    """The image by whichever of the keys are there."""
    image = text_at(entry, "image") or text_at(entry, "artifact")
    repository = text_at(entry, "repository") or text_at(entry, "name")
    registry = text_at(entry, "registry")
    registry = host_of(registry) or registry.rstrip("/")
    if not image and registry and repository:
        return make_reference(registry, repository, None, None)
    if not image and not repository:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(entry)}")
    return parse_reference(image or repository, default_host=default_host)


def _completed(image: Reference, tag: str, digest: str) -> Reference:
    """The image with the tag and digest that stand beside it; raises BadReference on two."""
    if tag and image.tag and tag != image.tag:
        raise BadReference(f"two tags for one image: {shown(image.tag)} and {shown(tag)}")
    beside = make_reference(
        image.registry, image.repository, tag or image.tag, digest or None, shown=str(image)
    )
    if image.digest and beside.digest and image.digest != beside.digest:
        raise BadReference(f"two digests for one image: {image.digest} and {beside.digest}")
    return replace(beside, digest=beside.digest or image.digest)
