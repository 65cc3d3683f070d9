"""Finding the target or deployment that a caller names, or saying why there is none."""

from __future__ import annotations

from listener.model.deployment import Deployment
from listener.model.view import TargetView
from listener.store import Archive
from listener.web.arguments import did_you_mean


class Refused(Exception):
    """A call that cannot be done as asked: its status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def split_name(asked: str | None) -> tuple[str | None, str | None]:
    """``NAME`` or ``NAME@HOST`` as name and host, None for what is not said."""
    if not asked:
        return None, None
    name, at, host = asked.rpartition("@")
    return (name, host) if at else (asked, None)


async def find_target(archive: Archive, asked: str) -> TargetView:
    """The target that ``NAME`` or ``NAME@HOST`` means.

    Raises Refused: 404 with a near name, 409 with the hosts where NAME alone is ambiguous.
    """
    views = await archive.targets()
    name, host = split_name(asked)
    found = [view for view in views if view.name == name and host in (None, view.host)]
    if not found:
        raise _no_target(asked, views)
    if len(found) == 1:
        return found[0]
    hosts = [view.host for view in found]
    ways = " or ".join(f"{name}@{each}" for each in hosts)
    raise Refused(409, f"{name} runs on {' and '.join(hosts)}: ask for {ways}")


async def expect_target(archive: Archive, name: str, host: str | None) -> None:
    """Raises Refused 404 where no host, or not this one, has a target of that name."""
    views = await archive.targets()
    if not any(view.name == name and host in (None, view.host) for view in views):
        raise _no_target(name if host is None else f"{name}@{host}", views)


def _no_target(asked: str, views: list[TargetView]) -> Refused:
    names = {view.name for view in views} | {f"{view.name}@{view.host}" for view in views}
    near = did_you_mean(asked, sorted(names))
    # The API is asked by more than the command line, but its users have that at hand.
    remedy = "" if near else ": `listener targets` lists those that there are"
    return Refused(404, f"there is no target {asked!r}{near}{remedy}")


async def find_deployment(archive: Archive, asked: str) -> Deployment:
    """The deployment of that id; raises Refused 404."""
    deployment = await archive.deployment(asked)
    if deployment is None:
        raise Refused(404, f"there is no deployment {asked!r}, or its history is no longer kept")
    return deployment
