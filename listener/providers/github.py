"""Webhooks of GitHub about packages, for images on ghcr.io.

Source: https://docs.github.com/en/webhooks/webhook-events-and-payloads#package. Hooks of a
repository or an organisation send `package`, GitHub Apps `registry_package`, in one shape. Each
manifest of an image makes an event; only the index (or the one manifest of a plain image) names a
tag, the platforms and attestations have an empty one. GitHub never repeats by itself; a redelivery
by hand bears the delivery id of the first.
"""

from __future__ import annotations

import json

from listener.model.reference import (
    BadReference,
    Reference,
    is_digest,
    make_reference,
    parse_reference,
)
from listener.providers.envelopes import json_or_form
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.payload import (
    at,
    header,
    load_json,
    moment,
    plain,
    shape,
    shown,
    text_at,
)
from listener.providers.provider import SAMPLE_DIGEST, SAMPLE_ID, SAMPLE_TIME, Provider
from listener.providers.signatures import HexHmac

_HOST = "ghcr.io"
_EVENTS = {"package", "registry_package"}
_ACTIONS = {"published", "updated"}
_TYPES = {"container", "docker"}
_EXPECTED = "a GitHub webhook of the event package or registry_package"


class GitHub(Provider):
    """See the module."""

    name = "github"
    signatures = (HexHmac(("x-hub-signature-256",)),)
    hosts = None  # GitHub Enterprise Server has a registry of its own, which its payload names

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request; `registry`, or ghcr.io, where the payload names no host.

        The body is JSON, or a form with the JSON in its field `payload`. Raises NotUnderstood.
        """
        name = header(request, "x-github-event")
        if not name:
            raise NotUnderstood(f"expected {_EXPECTED}, got no X-GitHub-Event header")
        if name == "ping":
            return Parsed((), ("a ping: the hook works",))
        if name not in _EVENTS:
            return Parsed((), (f"the event {shown(name)} is not about a package",))
        payload = load_json(json_or_form(request, _EXPECTED), _EXPECTED)
        package = at(payload, name)
        if not isinstance(package, dict):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        reason = _no_push(payload, package)
        if reason:
            return Parsed((), (reason,))
        try:
            image = _image(package, sender.registry or _HOST)
        except BadReference as problem:
            raise NotUnderstood(str(problem)) from None
        if image.tag is None:
            reason = "a manifest without a tag: one platform of an image, or an attestation"
            return Parsed((), (reason,))
        version = at(package, "package_version")
        event = Event(
            image=image,
            actor=plain(text_at(payload, "sender", "login")),
            occurred_at=moment(at(version, "updated_at")) or moment(at(version, "created_at")),
            delivery=header(request, "x-github-delivery") or None,
            # A digest that got several tags makes one event, which names one of them.
            one_of_many=True,
        )
        return Parsed((event,))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        owner, _, name = image.repository.partition("/")
        digest = image.digest or SAMPLE_DIGEST
        version = {
            "name": digest,
            "version": digest,
            "package_url": f"{image.name}:{image.tag}",
            "created_at": SAMPLE_TIME,
            "container_metadata": {
                "tag": {"name": image.tag, "digest": digest},
                "manifest": {"digest": digest},
            },
        }
        package = {
            "name": name,
            "namespace": owner,
            "ecosystem": "CONTAINER",
            "package_type": "CONTAINER",
            "owner": {"login": owner},
            "package_version": version,
        }
        body = {"action": "published", "package": package, "sender": {"login": "ci"}}
        headers = {
            "content-type": "application/json",
            "x-github-event": "package",
            "x-github-delivery": SAMPLE_ID,
        }
        return Request(headers, json.dumps(body).encode())


def _no_push(payload: object, package: object) -> str | None:
    """Why an event about a package tells of no pushed image."""
    action = text_at(payload, "action")
    if action not in _ACTIONS:
        return f"the action {shown(action)} is not a push"
    kind = text_at(package, "package_type") or text_at(package, "ecosystem")
    if kind.lower() not in _TYPES:
        return f"a package of the type {shown(kind)}, not a container image"
    return None


def _image(package: object, host: str) -> Reference:
    """The image by its URL, which may end in a bare colon, else by owner and name."""
    version = at(package, "package_version")
    url = text_at(version, "package_url").removeprefix("https://").rstrip(":")
    if url:
        named = parse_reference(url, default_host=host)
    else:
        owner = text_at(package, "owner", "login") or text_at(package, "namespace")
        named = make_reference(host, f"{owner}/{text_at(package, 'name')}", None, None)
    metadata = at(version, "container_metadata")
    tag = text_at(metadata, "tag", "name") or named.tag
    digests = (
        text_at(metadata, "tag", "digest"),
        text_at(metadata, "manifest", "digest"),
        text_at(version, "name"),
    )
    digest = next(filter(is_digest, digests), None)
    return make_reference(named.registry, named.repository, tag, digest)
