"""What the record says of each act once it is done, and of the end, in words for people. Pure."""

from __future__ import annotations

from datetime import datetime

from listener.deploy.outcomes import (
    Committed,
    Created,
    Done,
    Faulted,
    Gone,
    Healthy,
    Helped,
    Nothing,
    Outcome,
    Overtaken,
    Planned,
    Pulled,
    Replaced,
    Resolved,
    Revived,
    Sick,
)
from listener.deploy.route import EACH
from listener.model.deployment import Deployment, Trigger
from listener.model.journal import Journal, Phase


def finish_step(journal: Journal, outcome: Outcome, now: datetime) -> Journal:
    """The journal with the step of its act ended, and what came of it told there."""
    steps = journal.deployment.steps
    if not steps:
        return journal
    detail = _detail(journal.deployment, outcome)
    if journal.phase in EACH and len(journal.batch) > 1:
        name = journal.current.called
        detail = f"{name}: {detail}" if detail else name
    last = steps[-1].model_copy(update={"finished_at": now, "detail": detail})
    deployment = journal.deployment.model_copy(update={"steps": (*steps[:-1], last)})
    return journal.model_copy(update={"deployment": deployment})


def of_which(journal: Journal, reason: str) -> str:
    """The reason with the container that it is about, where the service has more of them."""
    among = len(journal.swaps) + len(journal.pending)
    name = journal.old.name if journal.old else ""
    return reason if among == 1 else f"{reason} ({name}, one of {among} replicas)"


def success(journal: Journal) -> str:
    """The reason of a deployment that went well."""
    if not journal.ran:
        if journal.target.driver == "swarm":
            return "updated; the service is scaled to nothing, so that no task had to be proven"
        return "replaced; the container was stopped before and stays stopped"
    cause = journal.deployment.cause
    well = f"healthy again; {cause}" if cause else "healthy"
    return f"{well}, all {len(journal.swaps)} replicas" if len(journal.swaps) > 1 else well


def _detail(deployment: Deployment, outcome: Outcome) -> str | None:
    match outcome:
        case Resolved(digest, tag):
            # Only where the registry was asked is it what the tag means.
            asked = deployment.trigger is not Trigger.ROLLBACK and deployment.to_digest is None
            return f"{tag} is {digest}" if asked and tag else digest
        case Pulled(_, detail, _) | Done(detail) | Committed(_, detail, _):
            return detail
        case Gone(reason) | Revived(_, _, _, reason):
            return reason
        case Helped(told):
            return f"the helper ended: {told.deployment.reason or told.verdict or 'in the middle'}"
        case Created(_, warnings):
            return "; ".join(warnings) or None
        case Planned():
            plan = f"{outcome.strategy}: {outcome.because}"
            several = outcome.pending or outcome.fellows
            fellows = (swap.called or "" for swap in outcome.fellows)
            following = deployment.steps[-1].name == Phase.NEXT
            names = ", ".join((outcome.old.name, *fellows))
            return f"{names}, {plan}" if several or following else plan
        case Overtaken(by):
            return f"deployment {by} waits"
        case Nothing(reason) | Healthy(reason) | Sick(_, reason) | Faulted(reason):
            return reason
        case Replaced(reason, _):
            return reason
        case _:
            return None
