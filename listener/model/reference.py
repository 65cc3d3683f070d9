"""Image references in one normal form, so that equal images compare equal.

The grammar is that of the reference package of CNCF Distribution; the shortening rules
(``docker.io``, ``library/``) are those of the Docker command line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

DOCKER_HUB = "docker.io"
_HUB_NAMES = {
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
}
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
    r"|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LONGEST_NAME = 255


class BadReference(ValueError):
    """A text that names no image; the message says why in one sentence."""


def is_tag(text: str) -> bool:
    """Whether the text may be a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text is a sha256 or sha512 digest."""
    return _DIGEST.fullmatch(text) is not None


def normal_host(host: str) -> str:
    """A registry host in lower case, with Docker Hub's many names made one."""
    lowered = host.lower()
    return DOCKER_HUB if lowered in _HUB_NAMES else lowered


@dataclass(frozen=True, slots=True)
class Reference:
    """An image: registry and repository in normal form, and a tag, a digest, both or neither."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """``registry/repository``, the form that the API and the answers of hooks show."""
        return f"{self.registry}/{self.repository}"

    def resolve(self, aliases: Mapping[str, str]) -> Reference:
        """The same image under its registry's first name; `aliases` maps other names to it."""
        first = aliases.get(self.registry)
        return self if first is None else replace(self, registry=first)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def parse_reference(text: str, *, default_host: str = DOCKER_HUB) -> Reference:
    """Reads ``[host[:port]/]repository[:tag][@digest]``; raises BadReference.

    A first part is a host only with a dot, a colon or the name ``localhost``; without one it is
    `default_host`. What stands in the tag's place but is a digest (Harbor, Gitea, Zot and GHCR do
    that) becomes the digest.
    """
    rest, _, digest = text.strip().partition("@")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    rest = f"{head}{slash}{last}"
    if colon and is_digest(tag):
        tag, digest = "", digest or tag
    host, slash, repository = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, repository = default_host, rest
    return make_reference(
        host, repository, tag or None if colon else None, digest or None, shown=text
    )


def make_reference(
    host: str, repository: str, tag: str | None, digest: str | None, *, shown: str | None = None
) -> Reference:
    """Builds a reference from parts that came from outside; raises BadReference.

    `shown` is what the error quotes; absent: the repository.
    """
    quoted = _shorten(shown if shown is not None else repository)
    if tag and is_digest(tag):
        tag, digest = None, digest or tag
    registry = normal_host(host)
    repository = repository.lower().strip("/")
    if len(registry) > _LONGEST_NAME or not _HOST.fullmatch(registry):
        raise BadReference(f"{quoted}: {_shorten(host)} is not a registry host")
    if len(repository) > _LONGEST_NAME or not _REPOSITORY.fullmatch(repository):
        raise BadReference(f"{quoted} is not an image reference like registry.example.com/team/web")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if len(registry) + 1 + len(repository) > _LONGEST_NAME:
        raise BadReference(f"{quoted}: the name is longer than {_LONGEST_NAME} characters")
    if tag is not None and not is_tag(tag):
        raise BadReference(f"{quoted}: {_shorten(tag)} is not a tag")
    if digest is not None and not is_digest(digest):
        raise BadReference(f"{quoted}: {_shorten(digest)} is not a digest like sha256:…")
    return Reference(registry, repository, tag, digest)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
