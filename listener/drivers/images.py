"""What the engine says of images, read with care.

Three things look alike: the digest of an index, that of a platform's manifest and that of the
config. With graph drivers an image's id is the config's digest and its repository digests pile
up; with the containerd store the id is the digest of what was pulled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from listener.model.reference import BadReference, parse_reference


def digests_of(image: Mapping[str, Any], container: Mapping[str, Any] | None = None) -> list[str]:
    """All digests that an image is known by, most telling first.

    `image` is its inspect, `container` that of a container that runs it (its descriptor names the
    manifest of the platform on the containerd store).
    """
    found = [name.rpartition("@")[2] for name in image.get("RepoDigests") or ()]
    found.append(str(image.get("Id", "")))
    descriptor = (container or {}).get("ImageManifestDescriptor") or {}
    found.append(str(descriptor.get("digest", "")))
    return [digest for digest in dict.fromkeys(found) if digest]


def digest_in(image: Mapping[str, Any], repository: str) -> str | None:
    """The digest under which an image came from this repository (normal form); None if it did not.

    A repository digest may be spelled ``repo:tag@sha256:…`` and is parsed, not split.
    """
    for name in reversed(image.get("RepoDigests") or ()):
        try:
            reference = parse_reference(name)
        except BadReference:
            continue
        if reference.name == repository:
            return reference.digest
    return None
