"""Verdicts: what is healthy, what is sick, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from listener.deploy.health import ABSENT, Progress, Sample, Terms, Verdict, judge, terms
from listener.model.journal import Baseline
from listener.model.target import Health

START = "2026-03-01T10:00:00Z"
BASELINE = Baseline(
    container_id="c", started_at=START, restart_count=0, watch_began=datetime.now(UTC)
)
UP = Sample(status="running", started_at=START)
HEALTHY = replace(UP, health="healthy")
STARTING = replace(UP, health="starting")
SECOND = 1_000_000_000


def watch(samples: list[Sample], wanted: Terms, every: float = 1.0) -> tuple[Verdict | None, float]:
    """Feeds samples, one each second, the last one for ever; the verdict and when it came."""
    progress, since = Progress(), 0.0
    for number in range(2000):
        sample = samples[min(number, len(samples) - 1)]
        progress, verdict = judge(sample, since, BASELINE, wanted, progress)
        if verdict is not None:
            return verdict, since
        since += every
    return None, since


def test_healthy_has_to_last_for_the_settling_time() -> None:
    verdict, since = watch([STARTING, STARTING, HEALTHY], Terms(60, 10, False))
    assert verdict is not None
    assert verdict.kind == "healthy"
    assert since == 12


def test_the_first_healthy_is_no_verdict() -> None:
    dies = replace(UP, status="exited", exit_code=3)
    verdict, _ = watch([STARTING, HEALTHY, HEALTHY, dies], Terms(60, 10, False))
    assert verdict == Verdict("exited", "exited with code 3 after 3.0 s")


def test_turning_healthy_just_before_the_deadline_is_in_time() -> None:
    verdict, since = watch([STARTING] * 59 + [HEALTHY], Terms(60, 10, False))
    assert verdict is not None
    assert verdict.kind == "healthy"
    assert since == 69


def test_never_healthy_ends_at_the_deadline_with_the_last_output() -> None:
    verdict, since = watch([replace(STARTING, output="no database\n")], Terms(60, 10, False))
    assert verdict == Verdict("unhealthy", "not healthy within 60 s: last probe said no database")
    assert since == 60


def test_unhealthy_needs_no_patience() -> None:
    sick = replace(UP, health="unhealthy", output="HTTP 500")
    verdict, since = watch([STARTING, sick], Terms(60, 10, False))
    assert verdict == Verdict("unhealthy", "unhealthy after 1.0 s: last probe said HTTP 500")
    assert since == 1


@pytest.mark.parametrize(
    ("sample", "kind", "said"),
    [
        (replace(UP, oom_killed=True), "exited", "ran out of memory"),
        (replace(UP, status="restarting", exit_code=7), "exited", "exit code 7"),
        (replace(UP, restart_count=2), "exited", "restarts in a loop: 2"),
        (replace(UP, status="exited", exit_code=1, error="boom"), "exited", "code 1"),
        (replace(UP, status="dead"), "exited", "code 0"),
        (replace(UP, status="paused"), "disturbed", "paused"),
        (replace(UP, started_at="later"), "disturbed", "restarted"),
        (ABSENT, "disturbed", "absent"),
        (replace(ABSENT, removes_itself=True), "exited", "removed itself"),
        (replace(UP, status="removing", removes_itself=True), "exited", "removed itself"),
    ],
)
def test_what_ends_a_watch_at_once(sample: Sample, kind: str, said: str) -> None:
    verdict, since = watch([sample], Terms(60, 10, False))
    assert verdict is not None
    assert verdict.kind == kind
    assert said in verdict.reason
    assert since == 0


def test_a_probe_has_to_pass_twice_in_a_row() -> None:
    fails = replace(UP, probe=False, probe_output="HTTP 503")
    passes = replace(UP, probe=True)
    verdict, since = watch([fails, passes, fails, passes, passes], Terms(60, 3, True))
    assert verdict is not None
    assert verdict.kind == "healthy"
    assert since == 7


def test_a_watch_that_begins_after_its_deadline_takes_no_healthy_one_back() -> None:
    passing, failing = replace(UP, probe=True), replace(UP, probe=False, probe_output="503")
    late, progress = Terms(10, 2, True), Progress()
    for since in (70.0, 71.0, 72.0):
        progress, verdict = judge(passing, since, BASELINE, late, progress)
        assert verdict is None
    progress, verdict = judge(passing, 73.0, BASELINE, late, progress)
    assert verdict is not None
    assert verdict.kind == "healthy"
    # One that passes now and then is not healthy, and the deadline is over.
    progress, verdict = judge(passing, 70.0, BASELINE, late, Progress())
    progress, verdict = judge(failing, 71.0, BASELINE, late, progress)
    assert verdict == Verdict("unhealthy", "not healthy within 10 s: last probe said 503")


def test_a_probe_that_fails_thrice_after_it_passed_is_a_verdict() -> None:
    fails = replace(UP, probe=False, probe_output="HTTP 503")
    passes = replace(UP, probe=True)
    verdict, since = watch([passes, passes, fails, passes, fails], Terms(60, 10, True))
    assert verdict is not None
    assert verdict.kind == "unhealthy"
    assert "HTTP 503" in verdict.reason
    assert since == 6


def test_without_any_check_it_has_to_run_ten_seconds() -> None:
    verdict, since = watch([UP], terms(Health(settle="1s"), None))
    assert verdict is not None
    assert verdict.kind == "healthy"
    assert since == 10


@pytest.mark.parametrize(
    ("healthcheck", "deadline"),
    [
        (None, 60),
        ({"Test": ["NONE"], "Interval": 300 * SECOND}, 60),
        ({"Test": ["CMD", "x"], "Interval": 2 * SECOND, "Timeout": SECOND, "Retries": 2}, 60),
        # Docker's own defaults take ninety seconds to say unhealthy.
        ({"Test": ["CMD", "x"]}, 240),
        ({"Test": ["CMD", "x"], "StartPeriod": 120 * SECOND}, 360),
        ({"Test": ["CMD", "x"], "StartPeriod": 3600 * SECOND}, 3840),
        ({"Test": ["CMD", "x"], "Interval": 3600 * SECOND}, 600),
    ],
)
def test_the_deadline_leaves_room_for_the_engines_own_verdict(
    healthcheck: dict[str, Any] | None, deadline: float
) -> None:
    assert terms(Health(), healthcheck).deadline == deadline


def test_a_configured_timeout_wins() -> None:
    assert terms(Health(timeout="5s"), {"Test": ["CMD", "x"]}).deadline == 5


def test_one_probe_that_fails_after_the_deadline_takes_no_well_one_back() -> None:
    passes, fails = replace(UP, probe=True), replace(UP, probe=False, probe_output="timed out")
    samples = [*[passes] * 90, fails, passes]
    verdict, since = watch(samples, Terms(60, 120, True))
    assert verdict is not None
    assert (verdict.kind, since) == ("healthy", 121)
    verdict, since = watch([*[passes] * 90, fails], Terms(60, 120, True))
    assert verdict is not None
    assert verdict.reason.startswith("its probe failed 3 times in a row after it had passed")
    assert since == 92


def test_a_probe_that_passes_and_fails_by_turns_does_not_go_on_for_ever() -> None:
    passes, fails = replace(UP, probe=True), replace(UP, probe=False, probe_output="refused")
    verdict, since = watch([passes, passes, *[fails, passes] * 500], Terms(60, 10, True))
    assert verdict is not None
    assert (verdict.kind, since) == ("unhealthy", 70)
