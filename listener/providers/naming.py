"""From the parts of a payload to the tagged image that they name. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from listener.model.reference import BadReference, Reference, is_digest, make_reference
from listener.providers.events import NotUnderstood
from listener.providers.outcomes import DIGEST_AS_TAG, NO_REGISTRY, NO_TAG


def tagged_image(host: str, repository: str, tag: str, digest: str) -> Reference | str:
    """The image that foreign parts name, empty ones being absent, or the reason why it is no push.

    Raises NotUnderstood where a part is not what it should be.
    """
    if not tag:
        return NO_TAG
    if is_digest(tag):
        return DIGEST_AS_TAG
    if not host:
        return NO_REGISTRY
    try:
        return make_reference(host, repository, tag, digest or None)
    except BadReference as problem:
        raise NotUnderstood(str(problem)) from None


def host_of(url: str) -> str:
    """The ``host[:port]`` of an http(s) URL; empty where the text is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2] if parts.scheme in ("http", "https") else ""


def in_place(place: str, repository: str) -> tuple[str, str]:
    """Host and repository of an image under ``host[:port][/prefix]``, as `places` has it."""
    host, slash, prefix = place.partition("/")
    return host, f"{prefix}{slash}{repository}"


def out_of_place(image: Reference, places: Mapping[str, str]) -> tuple[str, str] | None:
    """The sender's repository that an image comes from, and its name there: `in_place` undone.

    The longest place wins; None where the image is in none of them.
    """
    for repository, place in sorted(places.items(), key=lambda one: len(one[1]), reverse=True):
        inside = image.name.removeprefix(f"{place}/")
        if inside != image.name:
            return repository, inside
    return None
