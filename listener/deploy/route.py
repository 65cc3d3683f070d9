"""The way of a deployment that goes well: which acts, in which order. Pure.

    RESOLVE, PLAN, PULL ─▶ [PREFLIGHT, RELEASE] ─▶ TAG, CREATE ─┬─▶ recreate ─▶ COMMIT
                                                                └─▶ beside the old one ─▶ COMMIT

    recreate:     [BEFORE_STOP], CUTOVER, DISARM, [ADOPT], WATCH, [AFTER_START]
    start-first:  BOOT, PROVE, [AFTER_START], HANDOVER, [BEFORE_STOP], RETIRE, DISARM, WATCH
    warm:         the same; the new one boots on a network of its own, and the networks change hands

    own container: RESOLVE, PLAN, PULL, [RELEASE], TAG, REPLACE, COMMIT
    Swarm service: RESOLVE, PLAN, UPDATE, FOLLOW, WATCH, COMMIT

The one before the last is this program's own: in REPLACE a helper goes the way of a recreate, from
CREATE on. It gets no preflight, since a second listener would work on the same engine. A service is
updated by Swarm itself, on whichever nodes; it is followed to its end, and watched after it.

    a service with more containers: … WATCH ─▶ NEXT, CREATE, … WATCH ─▶ NEXT … ─▶ COMMIT

    those that are replaced together: CREATE, CREATE, … CUTOVER, CUTOVER, … WATCH …

    Compose restarts services that depend on it: … WATCH ─▶ RESTART ─▶ COMMIT

In brackets: where the target asks for it, or containers live off its own (ADOPT).
"""

from __future__ import annotations

from listener.model.deployment import State, Trigger
from listener.model.journal import Journal, Phase

_BEFORE_HANDOVER = frozenset({Phase.TAG, Phase.CREATE, Phase.BOOT, Phase.PROVE, Phase.AFTER_START})
_STATE_OF = {
    Phase.RESOLVE: State.PULLING,
    Phase.PLAN: State.PULLING,
    Phase.PULL: State.PULLING,
    Phase.PREFLIGHT: State.CHECKING,
    Phase.RELEASE: State.CHECKING,
    Phase.TAG: State.SWAPPING,
    Phase.NEXT: State.SWAPPING,
    Phase.REPLACE: State.SWAPPING,
    Phase.UPDATE: State.SWAPPING,
    Phase.FOLLOW: State.SWAPPING,
    Phase.CREATE: State.SWAPPING,
    Phase.BEFORE_STOP: State.SWAPPING,
    Phase.CUTOVER: State.SWAPPING,
    Phase.HANDOVER: State.SWAPPING,
    Phase.RETIRE: State.SWAPPING,
    Phase.DISARM: State.SWAPPING,
    Phase.ADOPT: State.SWAPPING,
    Phase.RESTART: State.WATCHING,
    Phase.WATCH: State.WATCHING,
    Phase.AFTER_START: State.WATCHING,
    Phase.COMMIT: State.WATCHING,
    Phase.DISCARD: State.REVERTING,
    Phase.REVERT: State.REVERTING,
    Phase.REVIVE: State.REVERTING,
    Phase.REVERT_WATCH: State.REVERTING,
    Phase.CLEAN: State.REVERTING,
    Phase.STEP_ASIDE: State.REVERTING,
}

EACH = frozenset(
    {
        Phase.CREATE,
        Phase.BOOT,
        Phase.AFTER_START,
        Phase.HANDOVER,
        Phase.BEFORE_STOP,
        Phase.CUTOVER,
        Phase.DISARM,
        Phase.ADOPT,
        Phase.DISCARD,
        Phase.REVERT,
        Phase.CLEAN,
    }
)
"""The acts that are done for one after the other of the containers that are replaced together; the
others are done once for all of them."""

WAY_BACK = (Phase.REVERT, Phase.REVIVE, Phase.REVERT_WATCH, Phase.CLEAN)
"""The acts that bring back what ran before; a fault in one of them is a failed rollback."""


def route(journal: Journal) -> tuple[Phase, ...]:
    """All acts of this deployment, if nothing is wrong, as far as it is known by now."""
    if journal.target.driver == "swarm":
        return _services_route(journal)
    settings, hooks = journal.target.settings, journal.target.settings.lifecycle
    first: tuple[Phase, ...] = (Phase.RESOLVE, Phase.PLAN, Phase.PULL)
    made: tuple[Phase, ...] = (Phase.TAG, Phase.CREATE)
    last: tuple[Phase, ...] = (Phase.COMMIT,)
    if journal.pending:
        last = (Phase.NEXT,)
    elif journal.neighbours and journal.ran:
        last = (Phase.RESTART, Phase.COMMIT)
    if journal.swapped:
        first, made = (), (Phase.CREATE,)
    adopt = (Phase.ADOPT,) if any(swap.dependents for swap in journal.batch) else ()
    if journal.old is not None and not journal.old.was_running:
        # It was stopped and stays so: there is nothing to prove and nobody to hand over from.
        return (*first, *made, Phase.CUTOVER, *adopt, *last)
    if not journal.swapped and journal.deployment.trigger is not Trigger.ROLLBACK:
        first += (Phase.PREFLIGHT,) if settings.preflight and not journal.target.own else ()
        # A way back must not run the old version's migrations over the new one's data.
        first += (Phase.RELEASE,) if settings.release else ()
    if journal.target.own:
        return (*first, Phase.TAG, Phase.REPLACE, Phase.COMMIT)
    before_stop = (Phase.BEFORE_STOP,) if hooks.before_stop else ()
    after_start = (Phase.AFTER_START,) if hooks.after_start else ()
    if journal.strategy == "recreate":
        swap = (*before_stop, Phase.CUTOVER, Phase.DISARM, *adopt, Phase.WATCH, *after_start)
    else:
        beside = (Phase.BOOT, Phase.PROVE, *after_start)
        swap = (*beside, Phase.HANDOVER, *before_stop, Phase.RETIRE, Phase.DISARM, Phase.WATCH)
    return (*first, *made, *swap, *last)


def _services_route(journal: Journal) -> tuple[Phase, ...]:
    first = (Phase.RESOLVE, Phase.PLAN, Phase.UPDATE)
    if journal.old is not None and not journal.old.was_running:
        # It is scaled to nothing: there are no tasks to prove.
        return (*first, Phase.COMMIT)
    return (*first, Phase.FOLLOW, Phase.WATCH, Phase.COMMIT)


def untouched(journal: Journal) -> bool:
    """Whether the announced act comes before anything is done to the container that serves."""
    way = route(journal)
    if Phase.UPDATE in way:
        return journal.phase in way[: way.index(Phase.UPDATE) + 1]
    if Phase.REPLACE in way:
        return journal.phase in way[: way.index(Phase.REPLACE) + 1]
    turn = Phase.CUTOVER if Phase.CUTOVER in way else Phase.HANDOVER
    return journal.phase in way[: way.index(turn)]


def state_of(journal: Journal) -> State:
    """The state that the announced act shows; what runs beside the old one is being checked."""
    beside = journal.strategy != "recreate" and journal.phase in _BEFORE_HANDOVER
    return State.CHECKING if beside else _STATE_OF[journal.phase]
