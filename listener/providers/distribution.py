"""Notifications of CNCF Distribution (``registry:2``, ``registry:3``) and its forks.

Source: https://distribution.github.io/distribution/about/notifications/ and, for the rest, the
code of registry/notifications. One request carries an envelope of unrelated events, one pushed
image makes about eight of them (each layer is a push too, and so are our own pulls), and one of
these names the tag. What is not answered with success is sent again without limit and holds up
everything behind it, so an event that cannot be used is passed over with a reason. The host is
that of the event's URL, then the one that the client spoke to, then the hook's `registry`.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from listener.model.reference import BadReference, Reference, make_reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.outcomes import DIGEST_AS_TAG, NO_REGISTRY, NO_TAG, gathered
from listener.providers.payload import at, load_body, moment, plain, shape, shown, text_at
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_ID, SAMPLE_TIME, Provider

_MANIFESTS = {
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
}
_NO_PUSHES = {
    "pull": "a pull: nothing was pushed",
    "mount": "a mount: a layer was taken over from another repository",
    "delete": "a delete: nothing was pushed",
}
CONTENT_TYPE = "application/vnd.docker.distribution.events.v2+json"
"""Release 2 says v1."""
_EXPECTED = 'a Distribution envelope {"events": […]}'


class Distribution(Provider):
    """See the module. It cannot sign: a static `Authorization` header is all it sends."""

    name = "distribution"
    repeats_until_2xx = True

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The tagged manifests among the events; raises NotUnderstood for anything else."""
        envelope = load_body(request, _EXPECTED)
        entries = at(envelope, "events")
        if not isinstance(envelope, dict) or not (entries is None or isinstance(entries, list)):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(envelope)}")
        if not entries:
            return Parsed((), ("an envelope without events",))
        return gathered((read_event(entry, sender) for entry in entries), len(entries))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        envelope = {"events": [sample_event(image)]}
        return Request({"content-type": CONTENT_TYPE}, json.dumps(envelope).encode())


def sample_event(image: Reference) -> dict[str, object]:
    """The event of one pushed manifest."""
    digest = image.digest or SAMPLE_DIGEST
    return {
        "id": SAMPLE_ID,
        "timestamp": SAMPLE_TIME,
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": digest,
            "size": 1609,
            "length": 1609,
            "repository": image.repository,
            "url": f"https://{image.registry}/v2/{image.repository}/manifests/{digest}",
            "tag": image.tag,
        },
        "request": {"id": SAMPLE_ID, "host": image.registry, "method": "PUT"},
        "actor": {"name": "ci"},
    }


def read_event(entry: object, sender: Sender) -> Event | str:
    """The push that an event tells of, or the reason why it is none."""
    if not isinstance(entry, dict):
        return f"expected an event, got {shape(entry)}"
    action = text_at(entry, "action")
    if action != "push":
        return _NO_PUSHES.get(action, f"the action {shown(action)} is not a push")
    target = entry.get("target")
    if text_at(target, "mediaType") not in _MANIFESTS:
        return "a layer or a configuration, not an image"
    tag = text_at(target, "tag")
    if not tag:
        return NO_TAG
    host = _host(entry) or sender.registry
    if not host:
        return NO_REGISTRY
    try:
        image = make_reference(
            host,
            text_at(target, "repository"),
            tag,
            text_at(target, "digest") or None,
        )
    except BadReference as problem:
        return str(problem)
    if image.tag is None:
        return DIGEST_AS_TAG
    return Event(
        image=image,
        actor=plain(text_at(entry, "actor", "name")),
        occurred_at=moment(entry.get("timestamp")),
        delivery=text_at(entry, "id") or None,
    )


def _host(entry: dict[object, object]) -> str:
    try:
        from_url = urlsplit(text_at(entry, "target", "url")).netloc.rpartition("@")[2]
    except ValueError:
        from_url = ""
    return from_url or text_at(entry, "request", "host")
