"""Formats of registry webhooks: bytes in, pushes out, no I/O. One file for each registry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from listener.providers.acr import Acr
from listener.providers.aliyun import Aliyun
from listener.providers.distribution import Distribution
from listener.providers.dockerhub import DockerHub
from listener.providers.events import (
    MAX_EVENTS,
    Event,
    NotUnderstood,
    Parsed,
    Request,
    Sender,
)
from listener.providers.generic import Generic
from listener.providers.gitea import Gitea
from listener.providers.github import GitHub
from listener.providers.gitlab import GitLab
from listener.providers.harbor import Harbor
from listener.providers.provider import Provider
from listener.providers.quay import Quay

_ALL: tuple[Provider, ...] = (
    Acr(),
    Aliyun(),
    Distribution(),
    DockerHub(),
    Generic(),
    Gitea(),
    GitHub(),
    GitLab(),
    Harbor(),
    Quay(),
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({one.name: one for one in _ALL})
"""Every provider by the name that the configuration gives it."""

__all__ = [
    "MAX_EVENTS",
    "PROVIDERS",
    "Event",
    "NotUnderstood",
    "Parsed",
    "Provider",
    "Request",
    "Sender",
]
