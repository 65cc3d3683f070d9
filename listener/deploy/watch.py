"""Watches one container until there is a verdict: inspect is the truth, once a second."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from listener.deploy.elapsed import elapsed_since
from listener.deploy.health import (
    ABSENT,
    Progress,
    Sample,
    Terms,
    Verdict,
    evidence,
    has_healthcheck,
    judge,
    terms,
)
from listener.drivers.probes import Probes
from listener.model.deployment import Proof
from listener.model.journal import Baseline
from listener.model.target import Health

_EVERY = 0.5
_KILLED = 137

Inspect = Callable[[], Awaitable[dict[str, Any] | None]]


async def watch(  # noqa: PLR0913 - two of them have defaults and go by keyword
    inspect: Inspect,
    probes: Probes,
    settings: Health,
    baseline: Baseline,
    *,
    removes_itself: bool = False,
    tell: Callable[[Proof], None] | None = None,
) -> Verdict:
    """The verdict on the container that `inspect` shows (None: it is gone).

    `tell` is told after each look how it stands. One that `removes_itself`, by --rm, is gone
    when it ended.
    """
    progress, elapsed = Progress(), elapsed_since(baseline.watch_began)
    looked_twice = False
    while True:
        now = await inspect()
        answer = None
        if now is not None and now["State"].get("Status") == "running":
            answer = await probes.ask(now)
        since = elapsed()
        wanted = terms(settings, (now or {}).get("Config", {}).get("Healthcheck"))
        sample = dataclasses.replace(sample_of(now, answer), removes_itself=removes_itself)
        progress, verdict = judge(sample, since, baseline, wanted, progress)
        if _killed(sample) and not looked_twice:
            # That the kernel did it, for its memory, engines note a moment after its end.
            looked_twice = True
        elif verdict is not None:
            return verdict
        if tell is not None:
            tell(_proof(sample, baseline, wanted, progress))
        await asyncio.sleep(_EVERY)


def _killed(sample: Sample) -> bool:
    return sample.status == "exited" and sample.exit_code == _KILLED and not sample.oom_killed


def _proof(sample: Sample, baseline: Baseline, wanted: Terms, progress: Progress) -> Proof:
    began = baseline.watch_began
    good_since = settles_at = None
    if progress.good_since is not None:
        good_since = began + timedelta(seconds=progress.good_since)
        settles_at = good_since + timedelta(seconds=wanted.settle)
    return Proof(
        deadline=began + timedelta(seconds=wanted.deadline),
        good_since=good_since,
        settles_at=settles_at,
        said=None if good_since else evidence(sample),
    )


def sample_of(inspect: dict[str, Any] | None, probe: tuple[bool, str] | None) -> Sample:
    """What an inspect and our own probe say, as a sample."""
    if inspect is None:
        return ABSENT
    state = inspect["State"]
    health = state.get("Health") or {}
    checked = has_healthcheck((inspect.get("Config") or {}).get("Healthcheck"))
    runs = health.get("Log") or [{}]
    return Sample(
        status=state.get("Status", ""),
        started_at=state.get("StartedAt", ""),
        restart_count=inspect.get("RestartCount", 0),
        exit_code=state.get("ExitCode", 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=state.get("Error", ""),
        health=(health.get("Status") or "none") if checked else "none",
        output=str(runs[-1].get("Output", "")),
        probe=None if probe is None else probe[0],
        probe_output="" if probe is None else probe[1],
    )
