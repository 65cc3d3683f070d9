"""Webhooks of Gitea and Forgejo about packages, for images in their own registries.

Source: https://docs.gitea.com/usage/webhooks and the code of services/webhook. Each header comes
under several names: ``X-Gitea-``, ``X-Gogs-``, in Forgejo ``X-Forgejo-``, and GitHub's. A package
belongs to an owner, so the hook is set there; one of a repository fires only for packages that are
linked to it. A push of several platforms makes an event for each, with a digest for a version, and
one for the tag. No digest is sent with the tag, nothing is sent twice, and the test button sends
an event about git.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from listener.model.reference import Reference
from listener.providers.envelopes import json_or_form
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import host_of, tagged_image
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
from listener.providers.provider import SAMPLE_ID, SAMPLE_TIME, Provider
from listener.providers.signatures import HexHmac, Signature

_BRANDS = ("gitea", "forgejo", "gogs")
_EXPECTED = "a webhook of Gitea or Forgejo of the event package"


@dataclass(frozen=True, slots=True)
class _OfPayload:
    """A signature of the JSON itself. Of a form, other than GitHub, they sign what its field holds.

    What is proved here is what `parse` reads, byte for byte.
    """

    scheme: Signature

    def proves(self, request: Request, secrets: Iterable[bytes]) -> bool:
        """See `Signature`."""
        try:
            return self.scheme.proves(
                replace(request, body=json_or_form(request, _EXPECTED)), secrets
            )
        except NotUnderstood:
            return False

    def sign(self, body: bytes, secret: bytes) -> dict[str, str]:
        """See `Signature`; the body is the JSON."""
        return self.scheme.sign(body, secret)


class Gitea(Provider):
    """See the module."""

    name = "gitea"
    signatures = (
        _OfPayload(HexHmac(tuple(f"x-{brand}-signature" for brand in _BRANDS), prefix="")),
        _OfPayload(HexHmac(("x-hub-signature-256",))),
    )

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request; the host is that of the package's page, else `registry`.

        The body is JSON, or a form with the JSON in its field `payload`. Raises NotUnderstood.
        """
        name = _header(request, "event")
        if not name:
            raise NotUnderstood(f"expected {_EXPECTED}, got no X-Gitea-Event or X-Forgejo-Event")
        if name != "package":
            return Parsed((), (f"the event {shown(name)} is not about a package",))
        payload = load_json(json_or_form(request, _EXPECTED), _EXPECTED)
        package = at(payload, "package")
        if not isinstance(package, dict):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        reason = _no_push(payload, package)
        if reason:
            return Parsed((), (reason,))
        # The page may lie under a path; the registry is at the root of the same host.
        image = tagged_image(
            host=host_of(text_at(package, "html_url")) or sender.registry or "",
            repository=f"{text_at(package, 'owner', 'login')}/{text_at(package, 'name')}",
            tag=text_at(package, "version"),
            digest="",
        )
        if isinstance(image, str):
            return Parsed((), (image,))
        event = Event(
            image=image,
            actor=plain(text_at(payload, "sender", "login")),
            occurred_at=moment(package.get("created_at")),
            delivery=_header(request, "delivery") or None,
        )
        return Parsed((event,))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        owner, _, name = image.repository.partition("/")
        page = f"https://{image.registry}/{owner}/-/packages/container/{name}/{image.tag}"
        package = {
            "id": 31,
            "type": "container",
            "name": name,
            "version": image.tag,
            "owner": {"login": owner},
            "creator": {"login": "ci"},
            "html_url": page,
            "created_at": SAMPLE_TIME,
        }
        body = {"action": "created", "package": package, "sender": {"login": "ci"}}
        headers = {
            "content-type": "application/json",
            "x-gitea-event": "package",
            "x-gitea-delivery": SAMPLE_ID,
        }
        return Request(headers, json.dumps(body).encode())


def _header(request: Request, name: str) -> str:
    """A header by any of its names; empty where there is none."""
    found = (header(request, f"x-{brand}-{name}") for brand in _BRANDS)
    return next(filter(None, found), "")


def _no_push(payload: object, package: object) -> str | None:
    """Why an event about a package tells of no pushed image."""
    action = text_at(payload, "action")
    if action != "created":
        return f"the action {shown(action)} is not a push"
    kind = text_at(package, "type")
    if kind != "container":
        return f"a package of the type {shown(kind)}, not a container image"
    return None
