"""What this program stands on: the way to the engine, its Redis, the registries it pulls from.

A label alone does not make a target of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from listener.config import Settings
from listener.config.redis_address import redis_servers
from listener.drivers.mainstays import Mainstay, mainstay_at, serves
from listener.drivers.own import is_own
from listener.model.reference import BadReference, parse_reference
from listener.model.target import Target

Summary = Mapping[str, Any]
_ENGINE, _REDIS = "the way to the engine", "the Redis"
_INDISPENSABLE = (_ENGINE, _REDIS)


def relied_on(settings: Settings, summaries: Sequence[Summary]) -> dict[str, str]:
    """Container id -> what it is to this program, of those that it stands on."""
    own = next((one for one in summaries if is_own(one)), None)
    return {
        summary["Id"]: mainstay.what
        for mainstay in _mainstays(settings, summaries)
        for summary in summaries
        if not is_own(summary) and _leads(mainstay, own) and serves(summary, mainstay, own)
    }


def _leads(mainstay: Mainstay, own: Summary | None) -> bool:
    """Whether this program asks at that address itself: a loopback in a container is its own, while
    the engine, which asks registries, has the machine's.
    """
    apart = own is not None and (own.get("HostConfig") or {}).get("NetworkMode") != "host"
    return not (apart and mainstay.loopback and mainstay.what in _INDISPENSABLE)


def left_alone(target: Target, what: str | None, *, named: bool = False) -> Target:
    """The target, refused where it is what this program could not bring anything back without, or
    where a label alone asks to replace what it stands on; `named` in the file, it is meant.
    """
    if what is None or target.problem is not None or (named and what not in _INDISPENSABLE):
        return target
    problem = (
        f"it is {what}, which this program relies on: name it under targets: in the "
        "configuration's file if it shall be replaced all the same"
    )
    if what in _INDISPENSABLE:
        problem = (
            f"it is {what}, without which this program could not bring it back: replace it by hand"
        )
    return target.model_copy(update={"problem": problem})


def _mainstays(settings: Settings, summaries: Sequence[Summary]) -> list[Mainstay]:
    urls = [(_ENGINE, settings.engine)]
    if settings.redis is not None:
        urls += [(_REDIS, url) for url in redis_servers(settings.redis)]
    hosts = {*settings.registries, *settings.aliases(), *_registries(summaries)}
    urls += [("the registry", f"//{host}") for host in sorted(hosts)]
    found = (mainstay_at(what, url) for what, url in urls)
    return [mainstay for mainstay in found if mainstay is not None]


def _registries(summaries: Sequence[Summary]) -> set[str]:
    """The registries that the images of containers come from."""
    found = set()
    for image in {str(summary.get("Image", "")) for summary in summaries}:
        with suppress(BadReference):
            found.add(parse_reference(image).registry)
    return found
