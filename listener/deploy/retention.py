"""What a target remembers after a deployment: good digests to go back to, bad ones to avoid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from listener.model.journal import Journal, OldContainer
from listener.model.target import Bad, Good, Memory

_BAD_CAP = 50


def good_old(old: OldContainer, tag: str | None, at: datetime, memory: Memory) -> Good:
    """What ran before, as something to go back to. An image built here is known by its id."""
    digest = old.digest or old.image_id
    for known in memory.good:
        if known.digest == digest and known.image_id == old.image_id:
            return known.model_copy(update={"tag": tag, "at": at})
    return Good(
        digest=digest,
        tag=tag,
        image_id=old.image_id,
        image_config=old.image_config,
        at=at,
    )


def good_new(journal: Journal, image_config: dict[str, Any], at: datetime) -> Good:
    """What was just committed."""
    if journal.new is None:
        raise ValueError("nothing was deployed")
    return Good(
        digest=journal.new.digest,
        tag=journal.deployment.tag,
        image_id=journal.new.image_id,
        image_config=image_config,
        deployment=journal.deployment.id,
        at=at,
    )


def with_good(memory: Memory, good: Good, keep: int) -> Memory:
    """The memory with one more good digest in front; beyond `keep` the oldest go."""
    others = [known for known in memory.good if known.digest != good.digest]
    still_bad = tuple(bad for bad in memory.bad if bad.digest != good.digest)
    return Memory(good=(good, *others)[:keep], bad=still_bad)


def another_good(journal: Journal, memory: Memory) -> str | None:
    """The newest good digest that neither ran before this deployment nor is what it brought."""
    digests = {journal.old.digest if journal.old else None, *(bad.digest for bad in memory.bad)}
    digests.add(journal.new.digest if journal.new else None)
    return next((good.digest for good in memory.good if good.digest not in digests), None)


def with_bad(memory: Memory, bad: Bad) -> Memory:
    """The memory with one more known bad digest."""
    others = [known for known in memory.bad if known.digest != bad.digest]
    return Memory(good=memory.good, bad=(bad, *others)[:_BAD_CAP])
