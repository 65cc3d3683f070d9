"""The machine and a service with several containers: one after the other or some at a time, all
back on a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from listener.deploy.outcomes import Done, Faulted, Healthy, Outcome, Planned, Replaced, Sick
from listener.model.deployment import State
from listener.model.journal import Journal, Phase, Swap
from tests.unit.deploy.test_machine import EVERYTHING, Killed, Toy, fresh, run

NAMES = ("web-1", "web-2", "web-3")
TOGETHER = {Phase.PROVE, Phase.WATCH, Phase.RETIRE, Phase.REVERT_WATCH}
OLD, NEW = ({"old": "web"}, {"old"}), ({"new": "web"}, {"new"})


@dataclass
class Fleet:
    """Three containers of one service, each a toy of its own, under one tag."""

    toys: dict[str, Toy]
    faulty: frozenset[Phase] = frozenset()
    scaled_away: str = ""
    many: int = 1
    neighbours: tuple[str, ...] = ()
    told: list[tuple[str, str]] = field(default_factory=list)

    def act(self, journal: Journal) -> Outcome:
        name = journal.old.name if journal.old else ""
        self.told.append((str(journal.phase), name))
        if journal.phase in self.faulty:
            return Faulted(f"{journal.phase} refused")
        if journal.phase is Phase.PLAN:
            return self._plan(journal, NAMES)
        if journal.phase is Phase.NEXT:
            left = tuple(one for one in journal.pending if one != self.scaled_away)
            return self._plan(journal, left) if left else Done()
        if journal.phase is Phase.COMMIT:
            outcomes = [self.toys[one.old.name].act(journal) for one in journal.swaps if one.old]
            return outcomes[-1]
        if journal.phase is Phase.RESTART:
            return Done()
        if journal.phase in TOGETHER and len(journal.batch) > 1:
            return self._together(journal)
        return self.toys[name or "web-1"].act(journal)

    def _plan(self, journal: Journal, due: tuple[str, ...]) -> Outcome:
        planned = self.toys[due[0]].act(journal.model_copy(update={"phase": Phase.PLAN}))
        assert isinstance(planned, Planned)
        old = planned.old.model_copy(update={"name": due[0]})
        new = journal.new.model_copy(update={"id": None}) if journal.new else planned.new
        fellows = tuple(
            Swap(old=old.model_copy(update={"name": name}), new=new, strategy=planned.strategy)
            for name in due[1 : self.many]
        )
        return Planned(
            old,
            new,
            planned.strategy,
            fellows=fellows,
            pending=due[1 + len(fellows) :],
            neighbours=self.neighbours,
        )

    def _together(self, journal: Journal) -> Outcome:
        """As the real act: all that are under way at once, and the first word against."""
        outcome: Outcome = Healthy("healthy")
        for swap in journal.batch:
            name = swap.called or ""
            outcome = self.toys[name].act(journal.of(swap))
            if isinstance(outcome, Sick | Replaced):
                return replace(outcome, container=name)
        return outcome

    @property
    def states(self) -> list[tuple[dict[str, str], set[str]]]:
        return [(toy.names, toy.running) for toy in self.toys.values()]


def fleet(third: Callable[[], Toy] = Toy, **facts: object) -> Fleet:
    others: Callable[[], Toy] = facts.pop("others", Toy)  # type: ignore[assignment]
    return Fleet({"web-1": others(), "web-2": others(), "web-3": third()}, **facts)  # type: ignore[arg-type]


def warm(**facts: object) -> Callable[[], Toy]:
    return lambda: Toy(strategy="warm", **facts)  # type: ignore[arg-type]


SCENARIOS: dict[str, tuple[Callable[[], Fleet], State]] = {
    "good": (fleet, State.SUCCEEDED),
    "good and warm": (lambda: fleet(warm(), others=warm()), State.SUCCEEDED),
    "one was scaled away": (lambda: fleet(scaled_away="web-2"), State.SUCCEEDED),
    "the last one is sick": (lambda: fleet(lambda: Toy(sick=True)), State.ROLLED_BACK),
    "the last one is disturbed": (lambda: fleet(lambda: Toy(disturbed=True)), State.FAILED),
    "disturbed beside the old one": (
        lambda: fleet(warm(disturbed=True), others=warm()),
        State.FAILED,
    ),
    "sick beside the old one": (
        lambda: fleet(warm(sick=True), others=warm()),
        State.ROLLED_BACK,
    ),
    "it cannot be made": (
        lambda: fleet(lambda: Toy(faulty=frozenset({Phase.CREATE}))),
        State.FAILED,
    ),
    "a stranger has its place": (lambda: fleet(lambda: Toy(replaced=Phase.WATCH)), State.FAILED),
    "it cannot be planned": (lambda: fleet(faulty=frozenset({Phase.NEXT})), State.FAILED),
    "nothing is left beside it and it is not discarded": (
        lambda: fleet(lambda: Toy(faulty=frozenset({Phase.CREATE, Phase.DISCARD}))),
        State.FAILED,
    ),
    "the old one is gone": (lambda: fleet(lambda: Toy(sick=True, gone=True)), State.ROLLED_BACK),
    "it does not start": (
        lambda: fleet(lambda: Toy(faulty=frozenset({"start"}))),  # type: ignore[arg-type]
        State.ROLLED_BACK,
    ),
    "a stranger is there before it starts": (
        lambda: fleet(lambda: Toy(replaced=Phase.CUTOVER)),
        State.FAILED,
    ),
    "the handover is refused": (
        lambda: fleet(warm(faulty=frozenset({Phase.HANDOVER})), others=warm()),
        State.ROLLED_BACK,
    ),
}


@pytest.mark.parametrize("many", [1, 2, 3])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_moment_leaves_no_mixture(name: str, many: int) -> None:
    scenario, state = SCENARIOS[name]
    if many == 3 and name == "it cannot be planned":
        state = State.SUCCEEDED  # all of them are planned at once
    if many == 3 and name == "sick beside the old one":
        state = State.FAILED  # nothing was touched

    def make() -> Fleet:
        return replace(scenario(), many=many)

    total = run(make(), [fresh(**EVERYTHING)], kill_at=0)  # type: ignore[arg-type]
    for kill_at in range(1, total + 1):
        toys, saved = make(), [fresh(**EVERYTHING)]
        with pytest.raises(Killed):
            run(toys, saved, kill_at)  # type: ignore[arg-type]
        saved = [Journal.model_validate_json(saved[-1].model_dump_json())]
        run(toys, saved, kill_at=0)  # type: ignore[arg-type]
        end = saved[-1].deployment
        assert end.state is state, (kill_at, end.reason)
        left = [one for name, one in zip(NAMES, toys.states, strict=True) if name != "web-2"]
        states = left if toys.scaled_away else toys.states
        if name.startswith("a stranger"):
            states = states[:2]
        wanted = NEW if state is State.SUCCEEDED else OLD
        assert states == [wanted] * len(states), kill_at


def test_they_go_one_after_the_other_and_come_back_in_reverse() -> None:
    toys, saved = fleet(lambda: Toy(sick=True)), [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    assert [name for act, name in toys.told if act == "cutover"] == list(NAMES)
    assert [name for act, name in toys.told if act == "revert"] == list(reversed(NAMES))
    assert saved[-1].deployment.reason == "unhealthy (web-3, one of 3 replicas)"


def test_those_of_a_batch_are_all_made_before_one_is_touched_and_watched_at_once() -> None:
    toys, saved = fleet(many=2), [fresh(**EVERYTHING)]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    both = [("create", "web-1"), ("create", "web-2"), ("before_stop", "web-1")]
    assert toys.told[5:8] == [("tag", "web-1"), *both[:2]]
    acts = [act for act, name in toys.told if name != "web-3"]
    assert [acts.count(act) for act in ("tag", "create", "cutover", "watch")] == [1, 2, 2, 1]
    assert acts.index("cutover") > acts.index("create") + 1
    assert saved[-1].deployment.reason == "healthy, all 3 replicas"
    [planned, following] = [
        step.detail for step in saved[-1].deployment.steps if step.name in ("plan", "next")
    ]
    assert (planned or "").startswith("web-1, web-2, recreate")
    assert (following or "").startswith("web-3, recreate")


def test_a_batch_is_back_before_any_of_it_is_watched_and_the_sick_one_is_named() -> None:
    sick = lambda: Toy(sick=True)  # noqa: E731
    toys = Fleet({"web-1": Toy(), "web-2": sick(), "web-3": Toy()}, many=2)
    saved = [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    back = [(act, name) for act, name in toys.told if act.startswith("revert")]
    assert back == [("revert", "web-2"), ("revert", "web-1"), ("revert_watch", "web-2")]
    assert saved[-1].deployment.reason == "unhealthy (web-2, one of 3 replicas)"
    assert toys.states == [OLD] * 3


@pytest.mark.parametrize("stuck", NAMES)
def test_a_way_back_that_fails_in_a_batch_ends_after_that_of_the_others(stuck: str) -> None:
    def make() -> Fleet:
        def toy(name: str) -> Toy:
            faulty = frozenset({Phase.REVERT} if name == stuck else ())
            return Toy(sick=name == "web-2", faulty=faulty)

        return Fleet({name: toy(name) for name in NAMES}, many=3)

    total = run(make(), [fresh()], kill_at=0)  # type: ignore[arg-type]
    for kill_at in range(1, total + 1):
        toys, saved = make(), [fresh()]
        with pytest.raises(Killed):
            run(toys, saved, kill_at)  # type: ignore[arg-type]
        saved = [Journal.model_validate_json(saved[-1].model_dump_json())]
        run(toys, saved, kill_at=0)  # type: ignore[arg-type]
        end = saved[-1].deployment
        assert end.state is State.ROLLBACK_FAILED
        assert end.reason is not None
        assert end.reason.startswith("unhealthy (web-2, one of 3 replicas); ")
        assert f"taking {stuck} back failed too: revert refused; what helps: " in end.reason
        states = dict(zip(NAMES, toys.states, strict=True))
        assert states.pop(stuck) != OLD
        assert list(states.values()) == [OLD] * 2


def test_a_stranger_beside_one_that_cannot_be_taken_back_hides_nothing() -> None:
    stuck = Toy(sick=True, faulty=frozenset({Phase.REVERT}))
    toys = Fleet({"web-1": Toy(replaced=Phase.REVERT), "web-2": stuck, "web-3": Toy()}, many=2)
    saved = [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    end = saved[-1].deployment
    assert end.state is State.ROLLBACK_FAILED
    assert "taking web-2 back failed too: revert refused" in (end.reason or "")
    assert "a stranger is there" in (end.reason or "")


@pytest.mark.parametrize("scaled_away", ["", "web-3"])
def test_what_depends_on_it_is_restarted_though_the_last_one_is_scaled_away(
    scaled_away: str,
) -> None:
    toys, saved = fleet(scaled_away=scaled_away, neighbours=("proxy",)), [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    assert [act for act, _ in toys.told][-2:] == ["restart", "commit"]


def test_the_journal_of_one_at_a_time_is_what_older_versions_read() -> None:
    toys, saved = fleet(), [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    assert not any({"ahead", "behind"} & one.model_dump().keys() for one in saved)


def test_what_is_done_once_is_done_before_the_first() -> None:
    toys, saved = fleet(), [fresh(**EVERYTHING)]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    acts = [act for act, _ in toys.told]
    assert [acts.count(act) for act in ("pull", "preflight", "release", "tag", "commit")] == [1] * 5
    assert [acts.count(act) for act in ("create", "before_stop", "watch", "after_start")] == [3] * 4
    assert saved[-1].deployment.reason == "healthy, all 3 replicas"


def test_a_way_back_that_fails_leaves_the_others_as_they_run() -> None:
    failing = lambda: Toy(sick=True, faulty=frozenset({Phase.REVERT}))  # noqa: E731
    toys, saved = fleet(failing), [fresh()]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    end = saved[-1].deployment
    assert end.state is State.ROLLBACK_FAILED
    assert "the new version is left in web-1, web-2" in (end.reason or "")
    assert [toy.running for toy in toys.toys.values()][:2] == [{"new"}, {"new"}]


def test_without_rollback_the_others_are_left_alone() -> None:
    sick = lambda: Toy(sick=True)  # noqa: E731
    toys = Fleet({"web-1": sick(), "web-2": Toy(), "web-3": Toy()})
    saved = [fresh(rollback=False)]
    run(toys, saved, kill_at=0)  # type: ignore[arg-type]
    assert saved[-1].deployment.state is State.FAILED
    assert toys.states == [NEW, OLD, OLD]
