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

from listener.model.reference import BadReference, Reference, make_reference
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.outcomes import DIGEST_AS_TAG, NO_REGISTRY
from listener.providers.payload import at, load_json, moment, shape, text_at
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
        payload = load_json(request.body, _EXPECTED)
        repository = text_at(payload, "repository", "repo_full_name")
        tag = at(payload, "push_data", "tag")
        if not repository or not isinstance(tag, str):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        if not tag.strip():
            return Parsed((), ("a push without a tag: only a tag is deployed",))
        host = sender.registry or _shared(text_at(payload, "repository", "region"))
        if host is None:
            return Parsed((), (NO_REGISTRY,))
        digest = text_at(payload, "push_data", "digest") or None
        try:
            image = make_reference(host, repository, tag.strip(), digest)
        except BadReference as problem:
            raise NotUnderstood(str(problem)) from None
        if image.tag is None:
            return Parsed((), (DIGEST_AS_TAG,))
        return Parsed(
            (Event(image, occurred_at=_time(text_at(payload, "push_data", "pushed_at"))),)
        )

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


def _shared(region: str) -> str | None:
    """The registry that everybody in a region shares; None where it is no region."""
    return f"registry.{region}.aliyuncs.com" if _REGION.fullmatch(region) else None


def _time(text: str) -> datetime | None:
    """A time of day in China; one that names its offset itself is taken as it is."""
    return moment(f"{text}+08:00") or moment(text)
