"""Formats of registry webhooks: bytes in, pushes out, no I/O. One file for each registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from listener.providers.acr import Acr
from listener.providers.aliyun import Aliyun
from listener.providers.artifactory import Artifactory
from listener.providers.auto import Auto
from listener.providers.cloudevents import CloudEvents
from listener.providers.distribution import Distribution
from listener.providers.dockerhub import DockerHub
from listener.providers.ecr import Ecr
from listener.providers.events import (
    MAX_ENTRIES,
    MAX_EVENTS,
    MAX_VALUES,
    Event,
    NotUnderstood,
    Parsed,
    Request,
    Sender,
)
from listener.providers.gar import Gar
from listener.providers.generic import Generic
from listener.providers.gitea import Gitea
from listener.providers.github import GitHub
from listener.providers.gitlab import GitLab
from listener.providers.harbor import Harbor
from listener.providers.nexus import Nexus
from listener.providers.provider import Provider
from listener.providers.quay import Quay
from listener.providers.zot import Zot

_ALL: tuple[Provider, ...] = (
    Acr(),
    Aliyun(),
    Artifactory(),
    Auto(),
    CloudEvents(),
    Distribution(),
    DockerHub(),
    Ecr(),
    Gar(),
    Generic(),
    Gitea(),
    GitHub(),
    GitLab(),
    Harbor(),
    Nexus(),
    Quay(),
    Zot(),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({one.name: one for one in _ALL})
"""Every provider by the name that the configuration gives it."""

__all__ = [
    "MAX_ENTRIES",
    "MAX_EVENTS",
    "MAX_VALUES",
    "PROVIDERS",
    "Event",
    "NotUnderstood",
    "Parsed",
    "Provider",
    "Request",
    "Sender",
]
