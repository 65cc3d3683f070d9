"""Watches one container until there is a verdict: inspect is the truth, once a second."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from listener.deploy.health import ABSENT, Progress, Sample, Verdict, has_healthcheck, judge, terms
from listener.drivers.probes import Probes
from listener.model.base import utc_now
from listener.model.journal import Baseline
from listener.model.target import Health

_EVERY = 0.5

Inspect = Callable[[], Awaitable[dict[str, Any] | None]]


async def watch(
    inspect: Inspect,
    probes: Probes,
    settings: Health,
    baseline: Baseline,
    *,
    removes_itself: bool = False,
) -> Verdict:
    """The verdict on the container that `inspect` shows (None: it is gone).

    One that `removes_itself`, by --rm, is gone when it ended.
    """
    progress = Progress()
    while True:
        now = await inspect()
        answer = None
        if now is not None and now["State"].get("Status") == "running":
            answer = await probes.ask(now)
        since = (utc_now() - baseline.watch_began).total_seconds()
        wanted = terms(settings, (now or {}).get("Config", {}).get("Healthcheck"))
        sample = dataclasses.replace(sample_of(now, answer), removes_itself=removes_itself)
        progress, verdict = judge(sample, since, baseline, wanted, progress)
        if verdict is not None:
            return verdict
        await asyncio.sleep(_EVERY)


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
