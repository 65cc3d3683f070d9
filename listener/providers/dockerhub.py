"""Webhooks of Docker Hub: one request for each tag that was pushed.

Source: https://docs.docker.com/docker-hub/repos/manage/webhooks/. It sends no digest, no delivery
id and no signature; its form takes nothing but a URL, so the token stands in the path. The
`callback_url` it sends is a relic that answers with an error, and nobody calls a URL from a payload
here.
"""

from __future__ import annotations

import json
import re

from listener.model.reference import DOCKER_HUB, Reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import tagged_image
from listener.providers.payload import at, load_body, moment, plain, shape, text_at
from listener.providers.provider import Provider

_EXPECTED = (
    'a Docker Hub webhook {"push_data": {"tag": "…"}, "repository": {"repo_name": "name/app"}}'
)


class DockerHub(Provider):
    """See the module."""

    name = "dockerhub"
    hosts = re.compile(r"docker\.io")

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request, always of ``docker.io``; raises NotUnderstood."""
        del sender
        payload = load_body(request, _EXPECTED)
        repository = text_at(payload, "repository", "repo_name")
        tag = at(payload, "push_data", "tag")
        if not repository or not isinstance(tag, str):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        image = tagged_image(DOCKER_HUB, repository, tag.strip(), "")
        if isinstance(image, str):
            return Parsed((), (image,))
        event = Event(
            image=image,
            actor=plain(text_at(payload, "push_data", "pusher")),
            occurred_at=moment(at(payload, "push_data", "pushed_at")),
        )
        return Parsed((event,))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        namespace, _, name = image.repository.partition("/")
        body = {
            "push_data": {"pushed_at": 1750000000, "pusher": "ci", "tag": image.tag},
            "repository": {"repo_name": image.repository, "namespace": namespace, "name": name},
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())
