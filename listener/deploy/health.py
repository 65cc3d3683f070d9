"""From samples of a container to a verdict, without I/O.

The first `healthy` is no verdict: a container that turns healthy and dies a second later would
pass for ever. It has to stay so for the settling time, under the same start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from listener.model.journal import Baseline
from listener.model.target import Health

_SHORTEST_DEADLINE = 60.0
_LONGEST_DEFAULT = 600.0
# The engine takes ten seconds without an exit as "ran properly"; less proves nothing.
_SHORTEST_RUN = 10.0
_PROBES_TO_PASS = 2
_LONGEST_SAID = 300
_PROBES_TO_FAIL = 3
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A container at one moment; `health` and `output` are those of the image's HEALTHCHECK.

    `probe` is what our own probe said: None where there is none. One that `removes_itself` was
    started with --rm.
    """

    status: str
    started_at: str = ""
    restart_count: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    health: Literal["none", "starting", "healthy", "unhealthy"] = "none"
    output: str = ""
    probe: bool | None = None
    probe_output: str = ""
    removes_itself: bool = False


ABSENT = Sample(status="absent")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a watch: `sick` is why it failed, for people; `kind` for the metric."""

    kind: Literal["healthy", "unhealthy", "exited", "disturbed"]
    reason: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a container must do: be good within `deadline` seconds and stay so for `settle`."""

    deadline: float
    settle: float
    probed: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What the samples so far amount to; times are seconds since the watch began."""

    good_since: float | None = None
    passes: int = 0
    fails: int = 0


def terms(settings: Health, healthcheck: dict[str, Any] | None) -> Terms:
    """The terms for a container with this HEALTHCHECK (as its Config has it, nanoseconds).

    Without a configured timeout they leave room for Docker's own verdict: three failures at the
    default pace take ninety seconds.
    """
    probed = any((settings.http, settings.tcp, settings.exec))
    checked = has_healthcheck(healthcheck)
    settle = settings.settle if probed or checked else max(settings.settle, _SHORTEST_RUN)
    if settings.timeout is not None:
        return Terms(settings.timeout, settle, probed)
    return Terms(max(_SHORTEST_DEADLINE, _docker_patience(healthcheck)), settle, probed)


def has_healthcheck(healthcheck: dict[str, Any] | None) -> bool:
    """Whether a Config's Healthcheck runs anything."""
    test = (healthcheck or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def _docker_patience(healthcheck: dict[str, Any] | None) -> float:
    if not has_healthcheck(healthcheck):
        return 0.0
    check = healthcheck or {}
    interval = (check.get("Interval") or 30 * _NANOSECONDS) / _NANOSECONDS
    timeout = (check.get("Timeout") or 30 * _NANOSECONDS) / _NANOSECONDS
    start_period = (check.get("StartPeriod") or 0) / _NANOSECONDS
    retries = check.get("Retries") or 3
    # Whoever names a long start means it; a check every hour shall not be waited for so long.
    return start_period + min(_LONGEST_DEFAULT, (retries + 1) * (interval + timeout))


def judge(
    sample: Sample, since: float, baseline: Baseline, wanted: Terms, progress: Progress
) -> tuple[Progress, Verdict | None]:
    """One sample, `since` seconds after the watch began, added to what was seen before."""
    ended = _ended(sample, since, baseline)
    if ended is not None:
        return progress, ended
    progress = _count(sample, progress)
    if _good(sample, wanted, progress):
        good_since = since if progress.good_since is None else progress.good_since
        progress = Progress(good_since, progress.passes, progress.fails)
        if since - good_since >= wanted.settle:
            return progress, Verdict("healthy", f"healthy since {since - good_since:.1f} s")
        return progress, None
    if progress.good_since is not None and progress.fails >= _PROBES_TO_FAIL:
        reason = f"its probe failed {progress.fails} times in a row after it had passed"
        return progress, Verdict("unhealthy", f"{reason}: {evidence(sample)}")
    # A watch may begin, or go on after a restart of ours, when its deadline is over: one pass is no
    # proof yet, but nothing to be taken back for either.
    # Nor is one that fails between others that pass, as long as that may still end well.
    doubtful = progress.good_since is not None and since < wanted.deadline + wanted.settle
    if since >= wanted.deadline and not (doubtful or 0 < progress.passes < _PROBES_TO_PASS):
        return progress, Verdict(
            "unhealthy", f"not healthy within {wanted.deadline:g} s: {evidence(sample)}"
        )
    if sample.probe is None:
        progress = Progress(None, progress.passes, progress.fails)
    return progress, None


def _ended(sample: Sample, since: float, baseline: Baseline) -> Verdict | None:
    """What needs no patience: it is gone, ended, restarted or says itself that it is unhealthy."""
    after = f"after {since:.1f} s"
    if sample.removes_itself and sample.status in ("absent", "removing"):
        return Verdict("exited", f"exited {after} and removed itself, since it runs with --rm")
    if sample.status in ("absent", "removing", "paused"):
        return Verdict("disturbed", f"someone else changed the container: it is {sample.status}")
    if sample.oom_killed:
        return Verdict("exited", f"killed {after}: it ran out of memory")
    error = f": {sample.error}" if sample.error else ""
    if sample.status in ("exited", "dead", "created"):
        return Verdict("exited", f"exited with code {sample.exit_code} {after}{error}")
    restarts = sample.restart_count - baseline.restart_count
    if sample.status == "restarting" or restarts > 0:
        code = f", exit code {sample.exit_code}" if sample.status == "restarting" else ""
        return Verdict(
            "exited", f"restarts in a loop: {max(restarts, 1)} within {since:.1f} s{code}"
        )
    if sample.started_at != baseline.started_at:
        return Verdict(
            "disturbed", "the container was restarted by someone else, or with its engine"
        )
    if sample.health == "unhealthy":
        return Verdict("unhealthy", f"unhealthy {after}: {evidence(sample)}")
    return None


def _count(sample: Sample, progress: Progress) -> Progress:
    if sample.probe is None:
        return progress
    if sample.probe:
        return Progress(progress.good_since, progress.passes + 1, 0)
    return Progress(progress.good_since, 0, progress.fails + 1)


def _good(sample: Sample, wanted: Terms, progress: Progress) -> bool:
    if sample.status != "running" or sample.health == "starting":
        return False
    return not wanted.probed or progress.passes >= _PROBES_TO_PASS


def evidence(sample: Sample) -> str:
    """What a container says for itself, for people."""
    if sample.probe is False:
        return f"last probe said {_one_line(sample.probe_output)}"
    if sample.health in ("starting", "unhealthy"):
        return f"last probe said {_one_line(sample.output)}"
    return f"it is {sample.status}"


def _one_line(said: str) -> str:
    """The end of what a probe said: that is where programs write what went wrong."""
    line = " ".join(said.split())
    return (line if len(line) <= _LONGEST_SAID else f"…{line[-_LONGEST_SAID:]}") or "nothing"
