"""Webhooks of Quay.io and Red Hat Quay for the event "Push to Repository".

Source: https://docs.quay.io/guides/notifications.html. The body names the repository and the tags
that were moved, but no event, digest, time or id; it cannot be signed. A Quay that one runs oneself
is named by the hook's `registry`.
"""

from __future__ import annotations

import json

from listener.model.reference import BadReference, Reference, parse_reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import tagged_image
from listener.providers.outcomes import PING, gathered
from listener.providers.payload import at, load_body, shape, text_at
from listener.providers.provider import Provider

_HOST = "quay.io"
_EXPECTED = 'a Quay notification {"docker_url": "quay.io/team/web", "updated_tags": […]}'
# The button "Test Notification" sends these tags, with a count that no push bears.
_TEST_TAGS = ["latest", "foo"]
_TEST_KEY = "pruned_image_count"


class Quay(Provider):
    """See the module."""

    name = "quay"
    hosts = None  # Project Quay runs anywhere, and its payload names it

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """One push for each tag; raises NotUnderstood where no repository is named.

        The host is that of `docker_url`, then the hook's `registry`, then ``quay.io``.
        """
        payload = load_body(request, _EXPECTED)
        url = text_at(payload, "docker_url") or text_at(payload, "repository")
        if not url:
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        tags = at(payload, "updated_tags")
        if not isinstance(tags, list) or not tags:
            reason = "an event without updated tags: a build, a mirror or a scan, not a push"
            return Parsed((), (reason,))
        if tags == _TEST_TAGS and at(payload, _TEST_KEY) is not None:
            return Parsed((), (PING,))
        try:
            repository = parse_reference(url, default_host=sender.registry or _HOST)
        except BadReference as problem:
            raise NotUnderstood(str(problem)) from None
        return gathered((_push(repository, tag) for tag in tags), len(tags))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        namespace, _, name = image.repository.rpartition("/")
        body = {
            "name": name,
            "namespace": namespace,
            "repository": image.repository,
            "docker_url": image.name,
            "homepage": f"https://{image.registry}/repository/{image.repository}",
            "updated_tags": [image.tag],
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _push(repository: Reference, tag: object) -> Event | str:
    if not isinstance(tag, str):
        return f"expected a tag among the updated tags, got {shape(tag)}"
    try:
        image = tagged_image(repository.registry, repository.repository, tag.strip(), "")
    except NotUnderstood as problem:
        return str(problem)
    return image if isinstance(image, str) else Event(image)
