"""The setting to paste into each registry, by provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from listener.cli import hosted_registries as hosted
from listener.cli import own_registries as own
from listener.cli import plain_senders as plain
from listener.cli.access import Access

SETTINGS: Mapping[str, Callable[[Access], str]] = MappingProxyType(
    {
        "acr": hosted.acr,
        "aliyun": hosted.aliyun,
        "artifactory": own.artifactory,
        "auto": plain.auto,
        "cloudevents": plain.cloudevents,
        "distribution": own.distribution,
        "dockerhub": hosted.dockerhub,
        "ecr": hosted.ecr,
        "gar": hosted.gar,
        "generic": plain.generic,
        "gitea": own.gitea,
        "github": hosted.github,
        "gitlab": own.gitlab,
        "harbor": own.harbor,
        "nexus": own.nexus,
        "quay": hosted.quay,
        "zot": own.zot,
    }
)
"""A function from hook to text for every provider there is."""


def setting(access: Access) -> str:
    """All that is to be done at the registry's side, in lines that fit a terminal."""
    text = SETTINGS[access.hook.provider](access)
    if access.hook.allow_cidrs:
        networks = ", ".join(map(str, access.hook.allow_cidrs))
        text += f"\nIt must call from {networks}."
    return text
