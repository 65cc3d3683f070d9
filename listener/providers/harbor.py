"""Webhooks of Harbor, in its formats Default and CloudEvents.

Source: https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
and the code of src/pkg/notifier. Both formats carry the same data: a repository and the artifacts
that were pushed to it. Release 1 says `pushImage`. What was pushed by digest, as by replication,
has the digest in the tag's place; of an artifact that was copied with several tags only one is
named. Nothing is signed: the policy's "Auth Header" is sent as `Authorization`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from listener.model.reference import BadReference, Reference, make_reference
from listener.providers.envelopes import CloudEvent, cloud_events, says_cloud_events, structured
from listener.providers.events import Event, NotUnderstood, Parsed, Request, Sender
from listener.providers.naming import tagged_image
from listener.providers.outcomes import gathered
from listener.providers.payload import at, load_body, moment, plain, shape, shown, text_at
from listener.providers.provider import SAMPLE_DIGEST, Provider

_PUSHES = {
    "PUSH_ARTIFACT",
    "pushImage",
    "harbor.artifact.pushed",
    # A tag that was set by hand, in releases that tell of it.
    "CREATE_TAG",
    "harbor.tag.created",
}
_EXPECTED = 'a Harbor webhook {"type": "PUSH_ARTIFACT", "event_data": {"resources": […]}}'


class _Notice(NamedTuple):
    """One event in either format; `data` holds resources and repository."""

    kind: str
    data: object
    actor: str | None
    occurred_at: datetime | None
    delivery: str | None

    @property
    def entries(self) -> int:
        """How many outcomes it has: an artifact each, or one for all that is no push."""
        resources = at(self.data, "resources")
        if self.kind not in _PUSHES or not isinstance(resources, list):
            return 1
        return len(resources) or 1


class Harbor(Provider):
    """See the module."""

    name = "harbor"

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """One push for each artifact with a tag; raises NotUnderstood.

        The host is that of the artifact's address, then the hook's `registry`.
        """
        notices = _notices(request)
        outcomes = (outcome for notice in notices for outcome in _outcomes(notice, sender))
        return gathered(outcomes, sum(notice.entries for notice in notices))

    def sample(self, image: Reference) -> Request:
        """See `Provider`."""
        project, _, name = image.repository.partition("/")
        resource = {
            "digest": image.digest or SAMPLE_DIGEST,
            "tag": image.tag,
            "resource_url": f"{image.name}:{image.tag}",
        }
        repository = {
            "date_created": 1700000000,
            "name": name,
            "namespace": project,
            "repo_full_name": image.repository,
            "repo_type": "private",
        }
        body = {
            "type": "PUSH_ARTIFACT",
            "occur_at": 1750000000,
            "operator": "ci",
            "event_data": {"resources": [resource], "repository": repository},
        }
        return Request({"content-type": "application/json"}, json.dumps(body).encode())


def _notices(request: Request) -> list[_Notice]:
    if says_cloud_events(request):
        return [_of_cloud_event(event) for event in cloud_events(request, _EXPECTED)]
    payload = load_body(request, _EXPECTED)
    if at(payload, "specversion") is not None:
        return [_of_cloud_event(structured(payload, _EXPECTED))]
    kind = text_at(payload, "type")
    if not kind:
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(payload)}")
    return [
        _Notice(
            kind=kind,
            data=at(payload, "event_data"),
            actor=plain(text_at(payload, "operator")),
            occurred_at=moment(at(payload, "occur_at")),
            delivery=None,
        )
    ]


def _of_cloud_event(event: CloudEvent) -> _Notice:
    attributes = event.attributes
    return _Notice(
        kind=attributes["type"],
        data=event.data,
        actor=plain(attributes.get("operator", "")),
        occurred_at=moment(attributes.get("time")),
        delivery=attributes.get("id") or None,
    )


def _outcomes(notice: _Notice, sender: Sender) -> Iterator[Event | str]:
    if notice.kind not in _PUSHES:
        yield f"the event {shown(notice.kind)} is not a push"
        return
    resources = at(notice.data, "resources")
    if not isinstance(resources, list):
        raise NotUnderstood(f"expected {_EXPECTED}, got data that is {shape(notice.data)}")
    if not resources:
        yield "a push without resources"
    try:
        # Checked once: an endless name would be read again for each of many resources.
        repository = make_reference(
            "localhost", text_at(notice.data, "repository", "repo_full_name"), None, None
        ).repository
    except BadReference as problem:
        raise NotUnderstood(str(problem)) from None
    for resource in resources:
        yield _outcome(resource, repository, notice, sender)


def _outcome(resource: object, repository: str, notice: _Notice, sender: Sender) -> Event | str:
    if not isinstance(resource, dict):
        return f"expected a resource, got {shape(resource)}"
    host = _host(text_at(resource, "resource_url")) or sender.registry or ""
    try:
        image = tagged_image(
            host, repository, text_at(resource, "tag"), text_at(resource, "digest")
        )
    except NotUnderstood as problem:
        return str(problem)
    if isinstance(image, str):
        return image
    return Event(
        image=image,
        actor=notice.actor,
        occurred_at=notice.occurred_at,
        delivery=notice.delivery,
        # An artifact that was copied with several tags makes one event, which names one of them.
        one_of_many=True,
    )


def _host(address: str) -> str:
    """The host of ``HOST[:PORT]/PROJECT/NAME``, with a tag or digest; empty where there is none."""
    return address.removeprefix("https://").partition("/")[0]
