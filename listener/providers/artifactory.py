"""Webhooks of JFrog Artifactory, the docker events.

Source: https://jfrog.com/help/r/jfrog-platform-administration-documentation/domain-docker. An image
is taken to be at ``host/REPOSITORY-KEY/image``; the hook's `places` say so for a repository where
it is otherwise: one of a host of its own, or behind a virtual one. The host is the hook's
`registry`, else that of the platform's address. Caches of remote repositories send events too;
`places` leave them out. The header `X-JFrog-Event-Auth` has the secret itself (configure `token`)
or, where the webhook uses it for signing, HMAC-SHA256 of the body in hex (`hmac_secret`). There is
no id and no time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from listener.model.reference import Reference, is_digest
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import host_of, in_place, out_of_place, tagged_image
from listener.providers.payload import at, load_body, plain, shape, shown, text_at
from listener.providers.provider import SAMPLE_DIGEST, Provider
from listener.providers.signatures import HexHmac

_HEADER = "x-jfrog-event-auth"
_EXPECTED = 'an Artifactory webhook {"domain": "docker", "event_type": "pushed", "data": {…}}'


class Artifactory(Provider):
    """See the module."""

    name = "artifactory"
    signatures = (HexHmac((_HEADER,), prefix=""),)
    token_headers = (_HEADER,)

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """The one push of a request; raises NotUnderstood."""
        payload = load_body(request, _EXPECTED)
        domain = text_at(payload, "domain")
        data = at(payload, "data")
        if not domain or not isinstance(data, dict):
            raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
        if domain != "docker":
            return Parsed((), (f"an event about {shown(domain)}, not about a container image",))
        action = text_at(payload, "event_type")
        if action != "pushed":
            return Parsed((), (f"the action {shown(action)} is not a push",))
        key = text_at(data, "repo_key")
        if sender.places and key not in sender.places:
            reason = f"the repository {shown(key)} is not one of this hook's `places`"
            return Parsed((), (reason,))
        image = _image(payload, data, sender)
        if isinstance(image, str):
            return Parsed((), (image,))
        # `source` is SYSTEM/USER.
        return Parsed((Event(image, actor=plain(text_at(payload, "source").rpartition("/")[2])),))

    def sample_at(self, image: Reference, places: Mapping[str, str]) -> Request:
        """See `Provider`."""
        found = out_of_place(image, places)
        return self.sample(replace(image, repository="/".join(found)) if found else image)

    def sample(self, image: Reference) -> Request:
        """See `Provider`; the first part of the repository is taken for Artifactory's."""
        key, _, name = image.repository.partition("/")
        digest = image.digest or SAMPLE_DIGEST
        data = {
            "event_type": "pushed",
            "repo_key": key,
            "path": f"{name}/{image.tag}/list.manifest.json",
            "name": "list.manifest.json",
            "sha256": digest.partition(":")[2],
            "size": 1609,
            "image_name": name,
            "image_type": "docker",
            "tag": image.tag,
            "platforms": [{"architecture": "amd64", "os": "linux"}],
        }
        body = {
            "domain": "docker",
            "event_type": "pushed",
            "data": data,
            "subscription_key": "listener",
            "jpd_origin": f"https://{image.registry}",
            "source": "jfrog/ci",
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _image(payload: object, data: object, sender: Sender) -> Reference | str:
    key = text_at(data, "repo_key")
    # The path is IMAGE/TAG/manifest.json.
    name = (
        text_at(data, "image_name") or text_at(data, "path").rpartition("/")[0].rpartition("/")[0]
    )
    if not key or not name:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(data)} as data")
    if key in sender.places:
        host, repository = in_place(sender.places[key], name)
    else:
        host = sender.registry or host_of(text_at(payload, "jpd_origin"))
        repository = f"{key}/{name}"
    digest = f"sha256:{text_at(data, 'sha256')}"
    return tagged_image(host, repository, text_at(data, "tag"), digest if is_digest(digest) else "")
