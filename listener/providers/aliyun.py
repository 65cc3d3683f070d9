"""Triggers of Alibaba Cloud Container Registry: one request for each tag that was pushed.

Source: https://www.alibabacloud.com/help/doc-detail/60949.htm. The body is near to Docker Hub's,
with a digest, and with the time of day in China (UTC+8). It has no id, cannot be signed and does
not name the registry: an instance of its own, ``….cr.aliyuncs.com``, is named by the hook's
`registry`; what a region shares has the address ``registry.REGION.aliyuncs.com``.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from listener.model.reference import Reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import tagged_image
from listener.providers.payload import at, load_body, moment, shape, text_at
from listener.providers.provider import SAMPLE_DIGEST, Provider

_EXPECTED = (
    'a trigger of Alibaba Cloud {"push_data": {"tag": "…"}, '
    '"repository": {"repo_full_name": "team/web"}}'
)
_REGION = re.compile(r"[a-z]{2}(?:-[a-z0-9]+)+")
_REGION_OF_HOST = re.compile(r".+?\.([a-z]{2}(?:-[a-z0-9]+)+)\..*aliyuncs\.com")


class Aliyun(Provider):
    """See the module."""

    name = "aliyun"
    hosts = re.compile(r".+\.aliyuncs\.com")

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request, at the hook's `registry` or, without one, the region's.

        Raises NotUnderstood.
        """
        payload = load_body(request, _EXPECTED)
        repository = text_at(payload, "repository", "repo_full_name")
        tag = at(payload, "push_data", "tag")
        if not repository or not isinstance(tag, str):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        host = sender.registry or _shared(text_at(payload, "repository", "region"))
        digest = text_at(payload, "push_data", "digest")
        image = tagged_image(host, repository, tag.strip(), digest)
        if isinstance(image, str):
            return Parsed((), (image,))
        pushed_at = _time(text_at(payload, "push_data", "pushed_at"))
        return Parsed((Event(image, occurred_at=pushed_at),))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        namespace, _, name = image.repository.partition("/")
        region = _REGION_OF_HOST.fullmatch(image.registry)
        body = {
            "push_data": {
                "digest": image.digest or SAMPLE_DIGEST,
                "pushed_at": "2026-03-01 18:00:00",
                "tag": image.tag,
            },
            "repository": {
                "name": name,
                "namespace": namespace,
                "region": region[1] if region else "cn-hangzhou",
                "repo_full_name": image.repository,
                "repo_type": "PRIVATE",
            },
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _shared(region: str) -> str:
    """The registry that everybody in a region shares; empty where it is no region."""
    return f"registry.{region}.aliyuncs.com" if _REGION.fullmatch(region) else ""


def _time(text: str) -> datetime | None:
    """A time of day in China; one that names its offset itself is taken as it is."""
    return moment(f"{text}+08:00") or moment(text)
