"""The deploy machine: which act follows which, decided by a pure function.

The journal names the act that is announced; `advance` takes what came of it and names the next
one, or ends the deployment. Every act may be repeated, so after a kill the announced act is done
again. A rollback that fails is never rolled back: it ends loudly and the target pauses, once those
that were replaced together with it are back.

    the route ─▶ … ─▶ COMMIT ─▶ succeeded
       │
       ├─ before the old container is touched ─▶ DISCARD ─▶ failed
       └─ after ─▶ REVERT, REVERT_WATCH, CLEAN ─▶ rolled_back
                     │  ▲
                     └─▶ REVIVE, where the container that ran before is gone

Where someone put another container in the target's place: STEP_ASIDE ─▶ failed.

A service with several containers goes the route for one after the other, or for several together:
each act is then done for all of these before the next one is. Wrong with one of them: the way back
of all that are under way, then that of those before them, the newest first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from listener.deploy.outcomes import (
    Committed,
    Created,
    Faulted,
    Gone,
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
    Started,
)
from listener.deploy.route import EACH, WAY_BACK, route, state_of, untouched
from listener.deploy.steps import finish_step, of_which, success
from listener.deploy.turns import (
    amended,
    ended,
    go,
    renewed,
    take_back_the_last,
    take_back_the_others,
)
from listener.model.deployment import State, Step
from listener.model.journal import Journal, Phase


def begin(journal: Journal, now: datetime) -> Journal:
    """The journal with its announced act under way, as it is saved before that act."""
    deployment = journal.deployment
    steps = deployment.steps
    if not steps or steps[-1].name != journal.phase or steps[-1].finished_at is not None:
        steps = (*steps, Step(name=journal.phase, started_at=now))
    update = {
        "state": state_of(journal),
        "started_at": deployment.started_at or now,
        "steps": steps,
    }
    return journal.model_copy(update={"deployment": deployment.model_copy(update=update)})


def advance(journal: Journal, outcome: Outcome, now: datetime) -> Journal:
    """What follows: the next act announced, or the deployment in its final state."""
    journal = finish_step(journal, outcome, now)
    match outcome:
        case Nothing(reason, digest):
            facts = {"to_digest": digest or journal.deployment.to_digest}
            return ended(amended(journal, deployment=facts), State.SKIPPED, reason, now)
        case Overtaken(by):
            return ended(journal, State.SUPERSEDED, f"overtaken by deployment {by}", now)
        case Replaced(reason, container):
            because = f"{journal.verdict}; {reason}" if journal.verdict else reason
            mine = journal.led_by(container)
            return go(mine, Phase.STEP_ASIDE, verdict=because)
        case Gone():
            return go(journal, Phase.REVIVE)
        case Helped(told):
            return _go_on(journal, told)
        case Faulted():
            return _faulted(journal, outcome, now)
        case Sick():
            return _sick(journal, outcome, now)
        case _:
            return _forward(journal, outcome, now)


def _forward(journal: Journal, outcome: Outcome, now: datetime) -> Journal:
    """What was found is kept, and the next act on the way is announced."""
    match outcome:
        case Resolved(digest, tag):
            return _next(amended(journal, deployment={"to_digest": digest, "tag": tag}), now)
        case Planned() if journal.phase is Phase.NEXT:
            plan = _planned(outcome)
            return go(journal, Phase.CREATE, swapped=journal.swaps, baseline=None, **plan)
        case Planned():
            facts = {"from_digest": outcome.old.digest}
            plan = _planned(outcome)
            if journal.deployment.dry_run:
                told = amended(journal, deployment={**facts, "plan": outcome.plan}, **plan)
                return ended(told, State.SKIPPED, "a dry run: nothing was changed", now)
            return _next(amended(journal, deployment=facts, **plan), now)
        case Pulled(image_id, _, source):
            made = [
                swap.model_copy(update={"new": renewed(swap, image_id=image_id)})
                for swap in journal.batch
            ]
            pulled = journal.with_batch(made)
            return _next(amended(pulled, deployment={"source": source}), now)
        case Created(container_id, _):
            return _next(amended(journal, new=renewed(journal.current, id=container_id)), now)
        case Started(baseline, gap_seconds):
            gap = {} if journal.phase is Phase.BOOT else _longest_gap(journal, gap_seconds)
            return _next(amended(journal, deployment=gap, baseline=baseline), now)
        case Revived(container_id, image_id, digest, _):
            facts = {"id": container_id, "image_id": image_id, "digest": digest}
            old = journal.old.model_copy(update=facts) if journal.old else None
            before, verdict = journal.deployment.from_digest, journal.verdict
            if digest != before:
                verdict = f"{verdict}; back to {digest}, since {before} is nowhere to be found"
            return _next(amended(journal, old=old, verdict=verdict), now)
        case Committed(_, _, advice) if advice and journal.verdict is None:
            return ended(journal, State.SUCCEEDED, f"{success(journal)}; {advice}", now)
        case _:
            return _next(journal, now)


def _go_on(journal: Journal, told: Journal) -> Journal:
    """What the helper did is this deployment's own; its last act is done once more, or ended."""
    deployment, begun = told.deployment, len(journal.deployment.steps)
    facts = {
        "steps": (*journal.deployment.steps, *deployment.steps[begun:-1]),
        "gap_seconds": deployment.gap_seconds,
        "logs": deployment.logs,
    }
    known = {name: getattr(told, name) for name in _HELPED}
    return go(journal, told.phase, deployment=facts, **known)


def _planned(plan: Planned) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in _PLANNED} | {"ahead": (), "behind": plan.fellows}


def _next(journal: Journal, now: datetime) -> Journal:
    if journal.phase in EACH:
        turn = len(journal.ahead) + 1
        if journal.behind:
            return journal.with_batch(journal.batch, at=turn)
        journal = journal.with_batch(journal.batch)
    match journal.phase:
        case Phase.COMMIT if journal.verdict is not None:
            reason = f"{journal.verdict}; left as it is, since rollback is off for this target"
            return ended(journal, State.FAILED, reason, now)
        case Phase.COMMIT:
            return ended(journal, State.SUCCEEDED, success(journal), now)
        case Phase.NEXT:
            journal = amended(journal, pending=())
            restarts = Phase.RESTART in route(journal)
            return go(journal, Phase.RESTART if restarts else Phase.COMMIT)
        case phase if phase in _BACK:
            return _next_back(journal, now)
    way = route(journal)
    return go(journal, way[way.index(journal.phase) + 1])


def _next_back(journal: Journal, now: datetime) -> Journal:
    match journal.phase:
        case Phase.STEP_ASIDE if len(journal.batch) > 1:
            return take_back_the_others(journal)
        case Phase.STEP_ASIDE | Phase.CLEAN if journal.stranded:
            return _stays(journal, journal.verdict or "given up", now)
        case Phase.DISCARD | Phase.STEP_ASIDE | Phase.CLEAN if journal.swapped:
            return take_back_the_last(journal)
        case Phase.DISCARD | Phase.STEP_ASIDE:
            return ended(journal, State.FAILED, journal.verdict or "given up", now)
        case Phase.REVIVE:
            return go(journal, Phase.REVERT)
        case Phase.REVERT if journal.old is None or journal.old.was_running:
            return go(journal, Phase.REVERT_WATCH)
        case Phase.REVERT | Phase.REVERT_WATCH:
            return go(journal, Phase.CLEAN)
        case _:
            state = State.FAILED if journal.untaken else State.ROLLED_BACK
            return ended(journal, state, journal.verdict or "taken back", now)


def _longest_gap(journal: Journal, gap: float | None) -> dict[str, object]:
    known = [one for one in (journal.deployment.gap_seconds, gap) if one is not None]
    others = journal.swapped or journal.ahead
    return {"gap_seconds": max(known, default=None) if others else gap}


_PLANNED = ("old", "new", "strategy", "dependents", "pending", "neighbours")
_HELPED = ("old", "new", "baseline", "verdict", "sick", "sick_kind", "untaken")
# Where a fault is the new version's own: it does not do what its target asks of it.
_OWN_FAULTS = {Phase.AFTER_START: "release"}
_NOTHING_MADE = (Phase.RESOLVE, Phase.PLAN, Phase.PULL)
_NEW_SERVES = (Phase.DISARM, Phase.WATCH, Phase.AFTER_START, Phase.RESTART)
_BACK = (*WAY_BACK, Phase.DISCARD, Phase.STEP_ASIDE)
# An update that faults was refused as a whole.
_NO_WAY_BACK = (*_NOTHING_MADE, Phase.UPDATE, Phase.DISCARD, Phase.COMMIT, Phase.STEP_ASIDE)


def _faulted(journal: Journal, fault: Faulted, now: datetime) -> Journal:
    reason = fault.reason
    if journal.phase in WAY_BACK:
        return _not_back(journal, fault, now)
    if journal.phase in _NO_WAY_BACK:
        if journal.phase is Phase.DISCARD and journal.behind:
            return _next(journal, now)
        if journal.phase is Phase.STEP_ASIDE and len(journal.batch) > 1:
            return take_back_the_others(journal)
        if journal.stranded:
            return _stays(journal, f"{journal.verdict}; {reason}", now)
        if journal.swapped and journal.phase is not Phase.COMMIT:
            return take_back_the_last(journal)
        if journal.phase is Phase.DISCARD and journal.verdict:
            reason = f"{journal.verdict}; not tidied up: {reason}"
        return ended(journal, State.FAILED, reason, now)
    if journal.phase is Phase.NEXT:
        return go(journal, Phase.REVERT, verdict=reason, untaken=True)
    reason = of_which(journal, reason)
    kind = _OWN_FAULTS.get(journal.phase)
    facts: dict[str, Any] = {"verdict": reason, "sick": kind is not None, "sick_kind": kind}
    journal = journal.led_by(None)
    if untouched(journal):
        return go(journal, Phase.DISCARD, **facts)
    if journal.phase in _NEW_SERVES and not journal.target.settings.rollback:
        return go(journal, Phase.COMMIT, **facts)
    untaken = fault.blameless or journal.phase is Phase.BEFORE_STOP
    return go(journal, Phase.REVERT, **facts, untaken=untaken)


def _not_back(journal: Journal, fault: Faulted, now: datetime) -> Journal:
    """One cannot be taken back: those that were replaced together with it are, all the same."""
    undone = journal.phase in (Phase.REVERT, Phase.REVIVE)
    others = (*journal.ahead, *journal.behind)
    it = journal.current.called if undone and others else "it"
    helps = f"; what helps: {fault.remedy}" if fault.remedy else ""
    because = f"{journal.verdict}; taking {it} back failed too: {fault.reason}{helps}"
    if not undone or not others:
        return _stays(journal, because, now)
    facts: dict[str, Any] = {"verdict": because, "stranded": True}
    if journal.behind:
        return go(journal.with_batch(others, at=len(journal.ahead)), Phase.REVERT, **facts)
    last = journal.with_batch(others, at=len(others) - 1)
    return _next(go(last, Phase.REVERT, **facts), now)


def _stays(journal: Journal, because: str, now: datetime) -> Journal:
    """The end of a rollback that failed: those that have proven themselves stay as they run."""
    if left := [swap.called for swap in journal.swapped if swap.called]:
        because += f"; the new version is left in {', '.join(left)}"
    return ended(journal, State.ROLLBACK_FAILED, because, now)


def _sick(journal: Journal, sick: Sick, now: datetime) -> Journal:
    journal = journal.led_by(sick.container)
    if journal.phase is Phase.REVERT_WATCH:
        what = "service as it was" if journal.target.driver == "swarm" else "container that ran"
        which = f" ({sick.container})" if sick.container else ""
        reason = f"the {what} before{which}: {sick.reason}"
        return _faulted(journal, Faulted(reason, sick.remedy), now)
    # What others do to a container says nothing of its image.
    well, verdict = sick.kind == "disturbed", of_which(journal, sick.reason)
    facts = {"verdict": verdict, "sick": not well, "sick_kind": sick.kind, "untaken": well}
    logs = {"logs": sick.logs}
    if untouched(journal):
        return go(journal, Phase.DISCARD, deployment=logs, **facts)
    unserved = sick.kind == "start_error" and journal.target.driver != "swarm"
    if journal.target.settings.rollback or sick.returning or unserved:
        return go(journal, Phase.REVERT, deployment=logs, **facts)
    return go(journal, Phase.COMMIT, deployment=logs, **facts)
