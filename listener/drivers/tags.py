"""The local tag of a target's image: it means what runs, so that `compose up` changes nothing."""

from __future__ import annotations

from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.stage import parts
from listener.model.journal import Journal, Phase

_BEFORE_TAG = frozenset(
    {Phase.RESOLVE, Phase.PLAN, Phase.PULL, Phase.PREFLIGHT, Phase.RELEASE, Phase.DISCARD}
)


async def move_tag(engine: Engine, reference: str, image_id: str) -> None:
    """Makes the local tag mean the new image; a reference by digest has none to move."""
    if "@" not in reference:
        await engine.tag_image(image_id, *split_tag(reference))


async def put_back_tag(engine: Engine, journal: Journal) -> None:
    """Makes the local tag mean what it meant before, unless it was never moved by this swap."""
    old, new = parts(journal)
    # A journal that was written anew after its loss begins with a later act.
    moved = any(step.name not in _BEFORE_TAG for step in journal.deployment.steps)
    if not moved or "@" in new.reference or not new.image_id:
        return
    try:
        now = (await engine.inspect_image(new.reference))["Id"]
    except NotFound:
        now = new.image_id
    if now != new.image_id:
        return  # someone else moved it meanwhile: theirs stays
    before = new.tag_before
    if before == new.image_id and new.reference == old.inspect["Config"]["Image"]:
        before = old.image_id  # someone had pulled the new one already
    if before is None:
        await engine.untag(new.reference)
        return
    try:
        await engine.tag_image(before, *split_tag(new.reference))
    except NotFound:
        await engine.untag(new.reference)


def split_tag(reference: str) -> tuple[str, str]:
    """Repository and tag as a user spelled them; no tag means ``latest``."""
    head, slash, last = reference.rpartition("/")
    repository, _, tag = last.partition(":")
    return f"{head}{slash}{repository}", tag or "latest"
