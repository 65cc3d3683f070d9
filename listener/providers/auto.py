"""Any of the other formats, told apart by headers first and then by the shape of the body.

A header that only one sender sets decides before those that others imitate: Gitea and Forgejo also
send GitHub's. Name the provider where you can: then what is said of a format holds for the hook,
and a request of another format is an error that is seen.
"""

from __future__ import annotations

from listener.model.reference import Reference
from listener.providers.acr import Acr
from listener.providers.aliyun import Aliyun
from listener.providers.artifactory import Artifactory
from listener.providers.cloudevents import CloudEvents
from listener.providers.distribution import Distribution
from listener.providers.dockerhub import DockerHub
from listener.providers.ecr import Ecr
from listener.providers.envelopes import CloudEvent, cloud_events, media_type, says_cloud_events
from listener.providers.events import NotUnderstood, Parsed, Request, Sender
from listener.providers.gar import Gar
from listener.providers.generic import Generic
from listener.providers.gitea import Gitea
from listener.providers.github import GitHub
from listener.providers.gitlab import GitLab
from listener.providers.harbor import Harbor
from listener.providers.nexus import Nexus
from listener.providers.payload import at, load_body, shape
from listener.providers.provider import Provider
from listener.providers.quay import Quay
from listener.providers.zot import UPDATED, Zot

_ACR, _ALIYUN, _ARTIFACTORY, _CLOUDEVENTS = Acr(), Aliyun(), Artifactory(), CloudEvents()
_DISTRIBUTION, _DOCKERHUB, _ECR, _GAR = Distribution(), DockerHub(), Ecr(), Gar()
_GENERIC, _GITEA, _GITHUB, _GITLAB = Generic(), Gitea(), GitHub(), GitLab()
_HARBOR, _NEXUS, _QUAY, _ZOT = Harbor(), Nexus(), Quay(), Zot()
_READERS: tuple[Provider, ...] = (
    *(_ACR, _ALIYUN, _ARTIFACTORY, _CLOUDEVENTS, _DISTRIBUTION, _DOCKERHUB, _ECR, _GAR),
    *(_GENERIC, _GITEA, _GITHUB, _GITLAB, _HARBOR, _NEXUS, _QUAY, _ZOT),
)

_FORM = "application/x-www-form-urlencoded"
_OF_FORMS: tuple[tuple[str, Provider], ...] = (
    ("x-forgejo-event", _GITEA),
    ("x-gitea-event", _GITEA),
    ("x-gogs-event", _GITEA),
    ("x-github-event", _GITHUB),
)
_BY_HEADER: tuple[tuple[str, Provider], ...] = (
    ("x-amz-sns-message-type", _ECR),
    ("x-nexus-webhook-id", _NEXUS),
    *_OF_FORMS,
    ("x-gitlab-event", _GITLAB),
)
_BY_TYPE: tuple[tuple[str, Provider], ...] = (
    ("com.amazon.ecr.", _ECR),
    ("harbor.", _HARBOR),
    ("Microsoft.ContainerRegistry.", _ACR),
    ("Microsoft.EventGrid.", _ACR),
    ("zotregistry.", _ZOT),
)
_BY_KEYS: tuple[tuple[set[str], Provider], ...] = (
    ({"Type", "TopicArn"}, _ECR),
    ({"detail-type", "source"}, _ECR),
    ({"events"}, _DISTRIBUTION),
    ({"push_data", "repository"}, _DOCKERHUB),
    ({"domain", "event_type"}, _ARTIFACTORY),
    ({"type", "event_data"}, _HARBOR),
    ({"docker_url"}, _QUAY),
    ({"updated_tags"}, _QUAY),
    ({"eventType", "data"}, _ACR),
    ({"message", "subscription"}, _GAR),
    ({"image"}, _GENERIC),
    ({"artifact"}, _GENERIC),
    ({"action", "target"}, _ACR),
    ({"action", "digest"}, _GAR),
    ({"action", "tag"}, _GAR),
    # Azure's ping has no target.
    ({"action", "timestamp"}, _ACR),
    ({"repository", "tag"}, _GENERIC),
    ({"repository", "digest"}, _GENERIC),
    ({"name", "tag"}, _GENERIC),
    ({"name", "digest"}, _GENERIC),
)
"""The first whose keys are all there; those that could be anybody's stand last."""
_EXPECTED = f"a request in one of the formats {', '.join(one.name for one in _READERS)}"


class Auto(Provider):
    """See the module. What it asks of a caller is whatever any of the formats has."""

    name = "auto"
    signatures = tuple(dict.fromkeys(way for one in _READERS for way in one.signatures))
    token_headers = tuple(dict.fromkeys(name for one in _READERS for name in one.token_headers))
    hosts = None

    def concrete(self, request: Request) -> Provider:
        """The provider whose format the request is in; this one where there is none."""
        try:
            return _reader(request)
        except NotUnderstood:
            return self

    def parse(self, request: Request, sender: Sender) -> Parsed:
        """What the provider of the request's format reads; raises NotUnderstood."""
        return _reader(request).parse(request, sender)

    def sample(self, image: Reference) -> Request:
        """See `Provider`: the plain format."""
        return _GENERIC.sample(image)


def _reader(request: Request) -> Provider:
    """The provider of a request's format; raises NotUnderstood."""
    # Of a form, Gitea signs one field: a format that reads the rest could be told anything by
    # whoever has seen one signed form.
    is_form = media_type(request) == _FORM
    for header, provider in _OF_FORMS if is_form else _BY_HEADER:
        if request.headers.get(header):
            return provider
    if is_form:
        raise NotUnderstood(
            f"expected {_EXPECTED}, got a form without a header that names its sort"
        )
    if says_cloud_events(request):
        return _of_cloud_events(cloud_events(request, _EXPECTED))
    if media_type(request).startswith("application/vnd.docker.distribution.events."):
        return _DISTRIBUTION
    return _by_shape(request)


def _by_shape(request: Request) -> Provider:
    value = load_body(request, _EXPECTED)
    if value == []:
        return _GENERIC
    first = value[0] if isinstance(value, list) else value
    if not isinstance(first, dict):
        raise NotUnderstood(f"expected {_EXPECTED}, got {shape(value)}")
    if "specversion" in first:
        return _of_cloud_events(cloud_events(request, _EXPECTED))
    if at(first, "repository", "repo_full_name") is not None and "push_data" in first:
        return _ALIYUN
    for keys, provider in _BY_KEYS:
        if keys <= first.keys():
            return provider
    raise NotUnderstood(f"expected {_EXPECTED}, got {shape(first)}")


def _of_cloud_events(events: list[CloudEvent]) -> Provider:
    """By the first of them: whose type it is or, with a prefix of its own, whose data."""
    if not events:
        return _CLOUDEVENTS
    attributes, data = events[0]
    for prefix, provider in _BY_TYPE:
        if attributes["type"].startswith(prefix):
            return provider
    as_zot = isinstance(data, dict) and {"name", "reference"} <= data.keys()
    return _ZOT if as_zot and attributes["type"].endswith(UPDATED) else _CLOUDEVENTS
