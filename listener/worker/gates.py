"""Why a deployment that waits may not begin yet. Pure: facts in, a sentence out.

Whoever adds a way to wait adds a function here and a line in `obstacle`. A reason must not change
while nothing happens (no countdown): each other one is written to Redis and shown to people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from listener.model.base import rfc3339
from listener.model.deployment import Deployment, Trigger
from listener.model.target import Pause, Target, TargetSettings


@dataclass(frozen=True)
class Wait:
    """It waits, for this reason."""

    reason: str


@dataclass(frozen=True)
class Expired:
    """It ends for this reason without having begun."""

    reason: str


def obstacle(
    deployment: Deployment, target: Target | None, pause: Pause | None, now: datetime
) -> Wait | Expired | None:
    """What keeps a waiting deployment from beginning now; None lets it begin.

    `target` is None where the host has none of that name: then only a pause holds it. A rollback
    waits for nothing: whoever asks for one wants it at once. `force` passes approval and window,
    but not a pause, which somebody else relies on.
    """
    if deployment.trigger is Trigger.ROLLBACK:
        return None
    settings = target.settings if target is not None else TargetSettings()
    found = None if deployment.force else _approval(deployment, settings, now)
    if found is not None and target is not None and deployment.hint in target.digests:
        # Nobody is asked for an approval of what runs.
        return Expired(f"{deployment.hint} already runs")
    if isinstance(found, Expired):
        return found
    if pause is not None:
        return Wait(f"paused: {pause.reason}")
    if found is not None or deployment.force:
        return found
    return _window(settings, now)


def _approval(
    deployment: Deployment, settings: TargetSettings, now: datetime
) -> Wait | Expired | None:
    if not settings.approve or deployment.approved_at is not None:
        return None
    until = deployment.queued_at + timedelta(seconds=settings.approve_timeout)
    if now >= until:
        return Expired(f"nobody approved it until {rfc3339(until)}")
    how = f"`listener approve {deployment.id}` lets it begin"
    return Wait(f"waits for approval until {rfc3339(until)}: {how}")


def _window(settings: TargetSettings, now: datetime) -> Wait | None:
    window = settings.window
    if window is None or window.open_at(now):
        return None
    opens = window.opens_after(now)
    return Wait(f"waits for its window {window}: it opens {opens:%a %Y-%m-%d %H:%M %Z}")
