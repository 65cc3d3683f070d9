"""From one announced act to another: how the machine changes a journal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from listener.model.deployment import Deployment, State
from listener.model.journal import Journal, NewContainer, Phase, Swap


def go(
    journal: Journal,
    phase: Phase,
    *,
    deployment: Mapping[str, object] | None = None,
    **facts: object,
) -> Journal:
    """The journal with this act announced, and with other `facts` of it or of its deployment."""
    return amended(journal, deployment=deployment, phase=phase, **facts)


def amended(
    journal: Journal, *, deployment: Mapping[str, object] | None = None, **facts: object
) -> Journal:
    """The journal with other facts of it or of its deployment."""
    changed: Deployment = journal.deployment.model_copy(update=dict(deployment or {}))
    return journal.model_copy(update={"deployment": changed, **facts})


def renewed(swap: Swap, **facts: object) -> NewContainer:
    """The new container of a swap with what is known of it by now."""
    if swap.new is None:
        raise ValueError("there is no plan yet")
    return swap.new.model_copy(update=facts)


def ended(journal: Journal, state: State, reason: str, now: datetime) -> Journal:
    """The journal of a deployment that is over."""
    facts = {"state": state, "reason": reason, "finished_at": now}
    return journal.model_copy(update={"deployment": journal.deployment.model_copy(update=facts)})


def take_back_the_last(journal: Journal) -> Journal:
    """The way back of the container that was swapped before the one that is back by now."""
    # One that could not be made, or has a stranger in its place, says nothing of the image.
    blameless = journal.phase is not Phase.CLEAN and not journal.sick
    return go(
        journal.with_batch(journal.swapped[-1:]),
        Phase.REVERT,
        swapped=journal.swapped[:-1],
        pending=(),
        untaken=journal.untaken or blameless,
    )


def take_back_the_others(journal: Journal) -> Journal:
    """The way back of those that were replaced together with one that is a stranger's now."""
    others = journal.with_batch((*journal.ahead, *journal.behind))
    return go(others, Phase.REVERT, pending=(), untaken=journal.untaken or not journal.sick)
