"""What a dry run finds out beyond the plan itself, without changing anything."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from listener.deploy.outcomes import Planned
from listener.drivers.clone import CloneError, plan_clone
from listener.drivers.copies import find_copies, left_behind
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.preview import Preview
from listener.drivers.stage import Stage, before
from listener.model.journal import Journal
from listener.model.reference import parse_reference


async def rehearsed(engine: Engine, journal: Journal, planned: Planned) -> tuple[str, ...]:
    """The sentences of a dry run. Raises CannotSwapError where a deployment would end for it."""
    old, new, target = planned.old, planned.new, journal.target
    image: dict[str, Any] | None = None
    with suppress(NotFound):
        repository = parse_reference(target.spelling).name
        image = (await engine.inspect_digest(repository, new.digest)).get("Config") or {}
    planned_journal = journal.model_copy(update={"old": old, "new": new})
    setting = Stage(engine).setting(planned_journal)
    try:
        clone = plan_clone(before(old), new.reference, setting)
    except CloneError as problem:
        raise CannotSwapError(f"the new container could not be created: {problem}") from None
    named, found, notes = await find_copies(engine, before(old))
    lost = await left_behind(engine, before(old), [*named, *found])
    return Preview(
        strategy=planned.strategy,
        because=planned.because,
        old=old,
        new=new,
        clone=clone,
        setting=setting,
        settings=target.settings,
        image=image,
        dependents=tuple(one.name for one in planned.dependents),
        copies=(*named, *found),
        uncopied=(*notes, *lost),
        fellows=tuple(swap.called or "" for swap in planned.fellows),
        pending=planned.pending,
        neighbours=planned.neighbours,
    ).sentences()
