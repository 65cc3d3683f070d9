"""The machine against a toy engine, killed around every act and every save."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from listener.deploy.machine import advance, begin
from listener.deploy.outcomes import (
    Committed,
    Created,
    Done,
    Faulted,
    Healthy,
    Outcome,
    Planned,
    Pulled,
    Resolved,
    Sick,
    Started,
)
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Baseline, Journal, NewContainer, OldContainer, Phase
from listener.model.target import Target, TargetSettings

OLD_DIGEST, NEW_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Killed(Exception):
    """The process ended here."""


@dataclass
class Toy:
    """An engine that knows one old and at most one new container, by their names."""

    sick: bool = False
    faulty: frozenset[Phase] = frozenset()
    names: dict[str, str] = field(default_factory=lambda: {"old": "web"})
    running: set[str] = field(default_factory=lambda: {"old"})
    tag: str = "old"
    armed: set[str] = field(default_factory=lambda: {"old"})

    def act(self, journal: Journal) -> Outcome:
        """Every act is an ensure, as the real driver's are."""
        if journal.phase in self.faulty:
            return Faulted(f"{journal.phase} refused")
        return getattr(self, f"_{journal.phase.value}")(journal)

    def _resolve(self, _: Journal) -> Outcome:
        return Resolved(NEW_DIGEST, "latest")

    def _plan(self, _: Journal) -> Outcome:
        old = OldContainer(
            id="old",
            name="web",
            image_id="old",
            digest=OLD_DIGEST,
            image_config={},
            inspect={},
            was_running=True,
            was_healthy=True,
        )
        return Planned(old, NewContainer(digest=NEW_DIGEST, reference="web:latest"))

    def _pull(self, _: Journal) -> Outcome:
        return Pulled("new", "pulled")

    def _tag(self, _: Journal) -> Outcome:
        self.tag = "new"
        return Done()

    def _create(self, _: Journal) -> Outcome:
        self.names["new"] = "web.new"
        self.armed.add("new")
        return Created("new", ())

    def _cutover(self, _: Journal) -> Outcome:
        self.names["old"], self.names["new"] = "web.old", "web"
        self.running.discard("old")
        if "start" in {phase.value for phase in self.faulty}:
            return Sick("start_error", "did not start")
        self.running.add("new")
        baseline = Baseline(
            container_id="new", started_at="t", restart_count=0, watch_began=utc_now()
        )
        return Started(baseline, 0.3)

    def _disarm(self, _: Journal) -> Outcome:
        self.armed.discard("old")
        return Done()

    def _watch(self, _: Journal) -> Outcome:
        return Sick("unhealthy", "unhealthy") if self.sick else Healthy("healthy")

    def _commit(self, _: Journal) -> Outcome:
        self.names.pop("old", None)
        return Committed(None)

    def _discard(self, _: Journal) -> Outcome:
        self.names.pop("new", None)
        self.tag = "old"
        return Done()

    def _revert(self, _: Journal) -> Outcome:
        self.names["old"] = "web"
        if "new" in self.names:
            self.names["new"] = "web.bad"
        self.running = {"old"}
        self.tag, self.armed = "old", self.armed | {"old"}
        return Done()

    def _revert_watch(self, _: Journal) -> Outcome:
        return Healthy("as before")

    def _clean(self, _: Journal) -> Outcome:
        self.names.pop("new", None)
        return Done()


def fresh(*, rollback: bool = True) -> Journal:
    settings = TargetSettings(container="web", rollback=rollback)
    return Journal(
        deployment=Deployment(
            id="20260301-100000-000-0badcafe",
            target="web",
            host="h",
            trigger=Trigger.PUSH,
            image="docker.io/team/web",
            queued_at=utc_now(),
        ),
        target=Target(name="web", host="h", settings=settings, container="web"),
        phase=Phase.RESOLVE,
    )


def run(toy: Toy, saved: list[Journal], kill_at: int) -> int:
    """Goes on from what was saved, killed after so many acts and saves; answers their number."""
    moments = 0

    def moment() -> None:
        nonlocal moments
        moments += 1
        if moments == kill_at:
            raise Killed

    journal = saved[-1]
    while not journal.deployment.state.final:
        journal = begin(journal, utc_now())
        saved.append(journal)
        moment()
        outcome = toy.act(journal)
        moment()
        journal = advance(journal, outcome, utc_now())
    saved.append(journal)
    return moments


SCENARIOS = {
    "good": (Toy, State.SUCCEEDED),
    "sick": (lambda: Toy(sick=True), State.ROLLED_BACK),
    "no answer": (lambda: Toy(faulty=frozenset({Phase.RESOLVE})), State.FAILED),
    "no image": (lambda: Toy(faulty=frozenset({Phase.PULL})), State.FAILED),
    "create refused": (lambda: Toy(faulty=frozenset({Phase.CREATE})), State.FAILED),
    "swap refused": (lambda: Toy(faulty=frozenset({Phase.CUTOVER})), State.ROLLED_BACK),
    "revert refused": (
        lambda: Toy(sick=True, faulty=frozenset({Phase.REVERT})),
        State.ROLLBACK_FAILED,
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_moment_changes_nothing_about_the_end(name: str) -> None:
    make, state = SCENARIOS[name]
    total = run(make(), [fresh()], kill_at=0)
    for kill_at in range(1, total + 1):
        toy, saved = make(), [fresh()]
        with pytest.raises(Killed):
            run(toy, saved, kill_at)
        # A process reads back what was written, not what was in memory.
        saved = [Journal.model_validate_json(saved[-1].model_dump_json())]
        run(toy, saved, kill_at=0)
        end = saved[-1].deployment
        assert end.state is state, (kill_at, end.reason)
        assert end.reason
        if state is State.SUCCEEDED:
            assert (toy.names, toy.running, toy.tag) == ({"new": "web"}, {"new"}, "new")
        elif state is not State.ROLLBACK_FAILED:
            assert (toy.names, toy.running, toy.tag) == ({"old": "web"}, {"old"}, "old")
            assert "old" in toy.armed


def test_the_timeline_has_every_step_once_even_after_a_kill() -> None:
    toy, saved = Toy(), [fresh()]
    with pytest.raises(Killed):
        run(toy, saved, kill_at=6)
    run(toy, saved, kill_at=0)
    steps = saved[-1].deployment.steps
    assert [step.name for step in steps] == [
        *("resolve", "plan", "pull", "tag", "create", "cutover", "disarm", "watch", "commit")
    ]
    assert all(step.finished_at is not None for step in steps)


def test_without_rollback_a_sick_release_stays_and_says_so() -> None:
    toy, saved = Toy(sick=True), [fresh(rollback=False)]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert end.state is State.FAILED
    assert "rollback is off" in (end.reason or "")
    assert toy.running == {"new"}


def test_the_reason_of_a_rollback_is_what_the_watch_saw() -> None:
    toy, saved = Toy(sick=True), [fresh()]
    run(toy, saved, kill_at=0)
    assert saved[-1].deployment.reason == "unhealthy"


def test_only_what_the_registry_said_is_told_as_the_meaning_of_a_tag() -> None:
    journal = begin(fresh(), utc_now())
    back = journal.deployment.model_copy(update={"trigger": Trigger.ROLLBACK})
    details = [
        advance(one, Resolved(NEW_DIGEST, "latest"), utc_now()).deployment.steps[0].detail
        for one in (journal, journal.model_copy(update={"deployment": back}))
    ]
    assert details == [f"latest is {NEW_DIGEST}", NEW_DIGEST]
