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
    Gone,
    Healthy,
    Outcome,
    Planned,
    Pulled,
    Replaced,
    Resolved,
    Revived,
    Sick,
    Started,
)
from listener.deploy.route import route
from listener.deploy.runner import final_memory
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Baseline, Journal, NewContainer, OldContainer, Phase
from listener.model.target import Memory, Strategy, Target, TargetSettings

OLD_DIGEST, NEW_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64


class Killed(Exception):
    """The process ended here."""


@dataclass
class Toy:
    """An engine that knows one old and at most one new container, by their names."""

    sick: bool = False
    disturbed: bool = False
    strategy: Strategy = "recreate"
    faulty: frozenset[Phase] = frozenset()
    names: dict[str, str] = field(default_factory=lambda: {"old": "web"})
    running: set[str] = field(default_factory=lambda: {"old"})
    tag: str = "old"
    armed: set[str] = field(default_factory=lambda: {"old"})
    gone: bool = False
    replaced: Phase | None = None

    def act(self, journal: Journal) -> Outcome:
        """Every act is an ensure, as the real driver's are."""
        if journal.phase in self.faulty:
            return Faulted(f"{journal.phase} refused", f"`help {journal.phase}`")
        if journal.phase is self.replaced:
            return Replaced("a stranger is there")
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
        new = NewContainer(digest=NEW_DIGEST, reference="web:latest")
        told = ("what would be done",)
        return Planned(old, new, self.strategy, "as configured", plan=told)

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
        if "start" in {str(phase) for phase in self.faulty}:
            return Sick("start_error", "did not start")
        self.running.add("new")
        return Started(self._baseline(), 0.3)

    def _preflight(self, _: Journal) -> Outcome:
        return Healthy("a twin was healthy")

    def _release(self, _: Journal) -> Outcome:
        return Done()

    def _boot(self, _: Journal) -> Outcome:
        self.running.add("new")
        return Started(self._baseline(), None)

    def _prove(self, journal: Journal) -> Outcome:
        return self._watch(journal)

    def _after_start(self, _: Journal) -> Outcome:
        assert "new" in self.running
        return Done()

    def _before_stop(self, _: Journal) -> Outcome:
        assert "old" in self.running
        return Done()

    def _handover(self, _: Journal) -> Outcome:
        assert {"old", "new"} <= self.running, "nobody serves"
        self.names["old"], self.names["new"] = "web.old", "web"
        return Started(self._baseline(), 0.0)

    def _retire(self, _: Journal) -> Outcome:
        self.running.discard("old")
        return Done()

    def _baseline(self) -> Baseline:
        return Baseline(container_id="new", started_at="t", restart_count=0, watch_began=utc_now())

    def _disarm(self, _: Journal) -> Outcome:
        self.armed.discard("old")
        return Done()

    def _watch(self, _: Journal) -> Outcome:
        if self.disturbed:
            return Sick("disturbed", "restarted by someone else")
        return Sick("unhealthy", "unhealthy") if self.sick else Healthy("healthy")

    def _commit(self, _: Journal) -> Outcome:
        self.names.pop("old", None)
        return Committed(None)

    def _discard(self, _: Journal) -> Outcome:
        self.names.pop("new", None)
        self.running.discard("new")
        self.tag = "old"
        return Done()

    def _revert(self, journal: Journal) -> Outcome:
        if self.gone and journal.old is not None and journal.old.id == "old":
            self.names.pop("old", None)
            return Gone("it is gone")
        self.names["old"] = "web"
        if "new" in self.names:
            self.names["new"] = "web.bad"
        self.running = {"old"}
        self.tag, self.armed = "old", self.armed | {"old"}
        return Done()

    def _revive(self, _: Journal) -> Outcome:
        self.names["old"] = "web.old"
        return Revived("old again", "old", OLD_DIGEST, "created again")

    def _step_aside(self, _: Journal) -> Outcome:
        self.names = {name: of for name, of in self.names.items() if of == "web"}
        return Done()

    def _revert_watch(self, _: Journal) -> Outcome:
        return Healthy("as before")

    def _clean(self, _: Journal) -> Outcome:
        self.names.pop("new", None)
        return Done()


def fresh(*, rollback: bool = True, **said: object) -> Journal:
    settings = TargetSettings.model_validate({"container": "web", "rollback": rollback, **said})
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


EVERYTHING = {
    "preflight": True,
    "release": ["migrate"],
    "lifecycle": {"before_stop": ["drain"], "after_start": ["warm"]},
}

BESIDE = ("boot", "prove", "after_start", "handover")

SCENARIOS = {
    "good": (Toy, State.SUCCEEDED),
    "sick": (lambda: Toy(sick=True), State.ROLLED_BACK),
    "disturbed": (lambda: Toy(disturbed=True), State.FAILED),
    "disturbed beside the old one": (
        lambda: Toy(disturbed=True, strategy="warm"),
        State.FAILED,
    ),
    "no answer": (lambda: Toy(faulty=frozenset({Phase.RESOLVE})), State.FAILED),
    "no image": (lambda: Toy(faulty=frozenset({Phase.PULL})), State.FAILED),
    "create refused": (lambda: Toy(faulty=frozenset({Phase.CREATE})), State.FAILED),
    "swap refused": (lambda: Toy(faulty=frozenset({Phase.CUTOVER})), State.ROLLED_BACK),
    "start-first": (lambda: Toy(strategy="start-first"), State.SUCCEEDED),
    "warm": (lambda: Toy(strategy="warm"), State.SUCCEEDED),
    "sick beside the old one": (lambda: Toy(sick=True, strategy="start-first"), State.FAILED),
    "preflight refused": (lambda: Toy(faulty=frozenset({Phase.PREFLIGHT})), State.FAILED),
    "release refused": (lambda: Toy(faulty=frozenset({Phase.RELEASE})), State.FAILED),
    "handover refused": (
        lambda: Toy(strategy="warm", faulty=frozenset({Phase.HANDOVER})),
        State.ROLLED_BACK,
    ),
    "before_stop refused": (lambda: Toy(faulty=frozenset({Phase.BEFORE_STOP})), State.FAILED),
    "before_stop refused after the handover": (
        lambda: Toy(strategy="start-first", faulty=frozenset({Phase.BEFORE_STOP})),
        State.FAILED,
    ),
    "after_start refused": (
        lambda: Toy(faulty=frozenset({Phase.AFTER_START})),
        State.ROLLED_BACK,
    ),
    "after_start refused beside the old one": (
        lambda: Toy(strategy="warm", faulty=frozenset({Phase.AFTER_START})),
        State.FAILED,
    ),
    "the old one is gone": (lambda: Toy(sick=True, gone=True), State.ROLLED_BACK),
    "revive refused": (
        lambda: Toy(sick=True, gone=True, faulty=frozenset({Phase.REVIVE})),
        State.ROLLBACK_FAILED,
    ),
    "revert refused": (
        lambda: Toy(sick=True, faulty=frozenset({Phase.REVERT})),
        State.ROLLBACK_FAILED,
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_moment_changes_nothing_about_the_end(name: str) -> None:
    make, state = SCENARIOS[name]
    total = run(make(), [fresh(**EVERYTHING)], kill_at=0)
    for kill_at in range(1, total + 1):
        toy, saved = make(), [fresh(**EVERYTHING)]
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


@pytest.mark.parametrize(
    ("strategy", "swap"),
    [
        ("recreate", ("before_stop", "cutover", "disarm", "watch", "after_start")),
        ("start-first", (*BESIDE, "before_stop", "retire", "disarm", "watch")),
    ],
)
def test_what_was_asked_for_has_its_place(strategy: Strategy, swap: tuple[str, ...]) -> None:
    saved = [fresh(**EVERYTHING)]
    run(Toy(strategy=strategy), saved, kill_at=0)
    first = ("resolve", "plan", "pull", "preflight", "release", "tag", "create")
    steps = saved[-1].deployment.steps
    assert [step.name for step in steps] == [*first, *swap, "commit"]


def test_a_way_back_runs_no_migrations() -> None:
    journal = fresh(**EVERYTHING)
    back = journal.deployment.model_copy(update={"trigger": Trigger.ROLLBACK})
    way = route(journal.model_copy(update={"deployment": back}))
    assert not {Phase.PREFLIGHT, Phase.RELEASE} & set(way)


def test_a_digest_that_was_sick_beside_the_old_one_is_a_bad_one() -> None:
    saved = [fresh()]
    run(Toy(sick=True, strategy="start-first"), saved, kill_at=0)
    assert saved[-1].deployment.state is State.FAILED
    assert [bad.digest for bad in final_memory(saved[-1], Memory()).bad] == [NEW_DIGEST]


@pytest.mark.parametrize(
    ("toy", "rollback", "state", "left"),
    [
        (Toy(disturbed=True), True, State.FAILED, {"old"}),
        (Toy(disturbed=True, strategy="start-first"), True, State.FAILED, {"old"}),
        (Toy(disturbed=True), False, State.FAILED, {"new"}),
        (
            Toy(disturbed=True, faulty=frozenset({Phase.REVERT})),
            True,
            State.ROLLBACK_FAILED,
            {"new"},
        ),
    ],
    ids=["taken back", "beside the old one", "rollback is off", "the way back fails"],
)
def test_a_restart_from_outside_says_nothing_of_the_image(
    toy: Toy, rollback: bool, state: State, left: set[str]
) -> None:
    saved = [fresh(rollback=rollback)]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert end.state is state
    assert (end.reason or "").startswith("restarted by someone else")
    assert toy.running == left
    assert final_memory(saved[-1], Memory()) == Memory()


def test_a_sick_release_is_bad_though_its_way_back_is_disturbed() -> None:
    toy, saved = Toy(sick=True), [fresh()]
    back = Sick("disturbed", "restarted by someone else", remedy="`docker start web`")
    toy._revert_watch = lambda _: back  # type: ignore[method-assign]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert end.state is State.ROLLBACK_FAILED
    said = "unhealthy; taking it back failed too: the container that ran before: restarted by"
    assert (end.reason or "").startswith(said)
    assert [bad.digest for bad in final_memory(saved[-1], Memory()).bad] == [NEW_DIGEST]


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


def test_a_dry_run_ends_with_its_plan_before_anything_is_done() -> None:
    journal = fresh()
    asked = journal.deployment.model_copy(update={"dry_run": True})
    journal = journal.model_copy(update={"deployment": asked})
    toy, saved = Toy(), [journal]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert (end.state, end.reason) == (State.SKIPPED, "a dry run: nothing was changed")
    assert end.plan == ("what would be done",)
    assert (end.from_digest, end.to_digest) == (OLD_DIGEST, NEW_DIGEST)
    assert [step.name for step in end.steps] == ["resolve", "plan"]
    assert final_memory(saved[-1], Memory()) == Memory()


def test_a_container_that_was_created_again_is_the_old_one_from_then_on() -> None:
    saved = [fresh()]
    run(Toy(sick=True, gone=True), saved, kill_at=0)
    way = ["revert", "revive", "revert", "revert_watch", "clean"]
    assert [step.name for step in saved[-1].deployment.steps][-5:] == way
    assert saved[-1].old is not None
    assert saved[-1].old.id == "old again"
    assert saved[-1].deployment.reason == "unhealthy"


def test_another_version_than_the_one_before_is_told() -> None:
    journal = begin(fresh(), utc_now())
    journal = advance(journal, Resolved(NEW_DIGEST, "latest"), utc_now())
    journal = advance(journal, Toy().act(journal), utc_now())
    journal = journal.model_copy(update={"phase": Phase.REVIVE, "verdict": "unhealthy"})
    after = advance(journal, Revived("again", "older", "sha256:older", "created"), utc_now())
    said = f"unhealthy; back to sha256:older, since {OLD_DIGEST} is nowhere to be found"
    assert after.verdict == said
    assert after.phase is Phase.REVERT


@pytest.mark.parametrize("phase", [Phase.CUTOVER, Phase.WATCH])
def test_what_somebody_put_in_its_place_is_left_alone(phase: Phase) -> None:
    toy, saved = Toy(replaced=phase), [fresh()]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert (end.state, end.reason) == (State.FAILED, "a stranger is there")
    assert end.steps[-1].name == "step_aside"
    assert final_memory(saved[-1], Memory()) == Memory()


def test_a_failed_rollback_ends_with_what_helps() -> None:
    saved = [fresh()]
    run(Toy(sick=True, faulty=frozenset({Phase.REVERT})), saved, kill_at=0)
    reason = saved[-1].deployment.reason or ""
    said = "unhealthy; taking it back failed too: revert refused; what helps: `help revert`"
    assert reason == said


@pytest.mark.parametrize("phase", [Phase.DISARM, Phase.WATCH])
def test_without_rollback_what_serves_stays_whatever_the_engine_refuses(phase: Phase) -> None:
    toy, saved = Toy(faulty=frozenset({phase})), [fresh(rollback=False)]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert (end.state, end.reason) == (
        State.FAILED,
        f"{phase} refused; left as it is, since rollback is off for this target",
    )
    assert toy.running == {"new"}


def test_what_cannot_be_tidied_up_hides_no_verdict() -> None:
    toy = Toy(sick=True, strategy="warm", faulty=frozenset({Phase.DISCARD}))
    saved = [fresh()]
    run(toy, saved, kill_at=0)
    end = saved[-1].deployment
    assert end.state is State.FAILED
    assert end.reason == "unhealthy; not tidied up: discard refused"
