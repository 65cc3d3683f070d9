"""The machine where a helper does the swap of this program's own container, killed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from test_machine import EVERYTHING, Killed, Toy, fresh, run

from listener.deploy.outcomes import Helped, Outcome
from listener.model.deployment import State
from listener.model.journal import Journal, Phase


@dataclass
class Own(Toy):
    """A toy whose container is the program's own: the act of the helper is a swap of its own.

    The helper keeps its journal, so it is asked and not begun again after a kill.
    """

    told: Journal | None = None

    def _replace(self, journal: Journal) -> Outcome:
        if self.told is None:
            target = journal.target.model_copy(update={"own": False})
            work = [journal.model_copy(update={"target": target, "phase": Phase.CREATE})]
            run(self, work, kill_at=0)
            self.told = work[-1]
        return Helped(self.told)


def own(**said: object) -> Journal:
    journal = fresh(**said)
    target = journal.target.model_copy(update={"own": True})
    return journal.model_copy(update={"target": target})


ENDS: dict[str, tuple[Callable[[], Own], State]] = {
    "good": (Own, State.SUCCEEDED),
    "sick": (lambda: Own(sick=True), State.ROLLED_BACK),
    "create refused": (lambda: Own(faulty=frozenset({Phase.CREATE})), State.FAILED),
    "no helper": (lambda: Own(faulty=frozenset({Phase.REPLACE})), State.FAILED),
    "swap refused": (lambda: Own(faulty=frozenset({Phase.CUTOVER})), State.ROLLED_BACK),
    "before_stop refused": (lambda: Own(faulty=frozenset({Phase.BEFORE_STOP})), State.FAILED),
    "a stranger": (lambda: Own(replaced=Phase.WATCH), State.FAILED),
    "revert refused": (
        lambda: Own(sick=True, faulty=frozenset({Phase.REVERT})),
        State.ROLLBACK_FAILED,
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_it_ends_as_the_helper_did_wherever_it_is_killed(name: str) -> None:
    make, state = ENDS[name]
    total = run(make(), [own(**EVERYTHING)], kill_at=0)
    for kill_at in range(1, total + 1):
        toy, saved = make(), [own(**EVERYTHING)]
        with pytest.raises(Killed):
            run(toy, saved, kill_at)
        saved = [Journal.model_validate_json(saved[-1].model_dump_json())]
        run(toy, saved, kill_at=0)
        assert saved[-1].deployment.state is state, (kill_at, saved[-1].deployment.reason)


def test_the_timeline_has_the_helpers_steps_once() -> None:
    saved = [own()]
    run(Own(), saved, kill_at=0)
    end = saved[-1].deployment
    assert [step.name for step in end.steps] == [
        *("resolve", "plan", "pull", "tag", "replace"),
        *("create", "cutover", "disarm", "watch", "commit"),
    ]
    assert end.gap_seconds == 0.3


def test_a_sick_one_stays_where_nothing_is_to_be_taken_back() -> None:
    saved = [own(rollback=False)]
    run(Own(sick=True), saved, kill_at=0)
    assert saved[-1].deployment.state is State.FAILED
    assert "rollback is off" in (saved[-1].deployment.reason or "")
