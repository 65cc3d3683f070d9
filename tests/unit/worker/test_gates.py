"""What keeps a deployment waiting, told by its facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from listener.model.deployment import Deployment, Trigger
from listener.model.target import Pause, Target, TargetSettings
from listener.worker.gates import Wait, obstacle

QUEUED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
NIGHT = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
PAUSE = Pause(reason="a migration runs", at=QUEUED)
BOTH = {"approve": True, "window": "02:00-05:00"}


def deployment(trigger: Trigger = Trigger.PUSH, **facts: object) -> Deployment:
    return Deployment(
        id="20260302-120000-000-7f3a9c1e",
        target="web",
        host="h1",
        trigger=trigger,
        image="docker.io/team/web",
        queued_at=QUEUED,
    ).model_copy(update=facts)


def said(
    one: Deployment, now: datetime = QUEUED, pause: Pause | None = None, **keys: object
) -> str:
    settings = TargetSettings.model_validate(keys)
    target = Target(name="web", host="h1", settings=settings, digests=("sha256:runs",))
    found = obstacle(one, target, pause, now)
    return f"{type(found).__name__}: {found.reason}" if found else "begins"


APPROVED = {"approved_at": QUEUED}


@pytest.mark.parametrize("trigger", [Trigger.PUSH, Trigger.RECONCILE, Trigger.MANUAL])
def test_whatever_is_deployed_waits_for_approval_then_for_the_window(trigger: Trigger) -> None:
    one = deployment(trigger)
    asks = said(one, **BOTH)
    assert asks.startswith("Wait: waits for approval until 2026-03-03T12:00:00.000Z")
    assert f"`listener approve {one.id}`" in asks
    assert said(one, NIGHT, **BOTH) == asks, "the window alone does not let it begin"
    approved = deployment(trigger, **APPROVED)
    opens = "Wait: waits for its window 02:00-05:00: it opens Tue 2026-03-03 02:00 UTC"
    assert said(approved, **BOTH) == opens
    assert said(approved, NIGHT, **BOTH) == "begins"


def test_an_approval_that_nobody_gives_ends_it() -> None:
    keys = {"approve": True, "approve_timeout": "1h"}
    late = QUEUED + timedelta(hours=1)
    assert said(deployment(), late - timedelta(seconds=1), **keys).startswith("Wait: ")
    assert said(deployment(), late, **keys).startswith("Expired: nobody approved it until 2026-03")
    # A pause does not keep alive what nobody wanted.
    assert said(deployment(), late, PAUSE, **keys).startswith("Expired: ")
    assert said(deployment(**APPROVED), late, **keys) == "begins"


def test_a_pause_holds_everything_but_a_rollback() -> None:
    for one in (deployment(), deployment(Trigger.MANUAL, force=True), deployment(**APPROVED)):
        assert said(one, NIGHT, PAUSE, **BOTH) == "Wait: paused: a migration runs"
    assert said(deployment(Trigger.ROLLBACK), QUEUED, PAUSE, **BOTH) == "begins"


def test_force_passes_approval_and_window() -> None:
    assert said(deployment(Trigger.MANUAL, force=True), **BOTH) == "begins"


def test_a_reason_stays_the_same_while_nothing_happens() -> None:
    keys = {"window": "Sat 02:00-05:00"}
    reasons = {said(deployment(), QUEUED + timedelta(minutes=m), **keys) for m in range(0, 4000, 7)}
    assert len(reasons) == 1


def test_nobody_is_asked_for_an_approval_of_what_runs() -> None:
    told = deployment(hint="sha256:runs")
    assert said(told, approve=True) == "Expired: sha256:runs already runs"
    assert said(told) == "begins", "the registry is asked, as ever"


def test_only_a_pause_holds_what_has_no_target() -> None:
    assert obstacle(deployment(), None, PAUSE, QUEUED) == Wait("paused: a migration runs")
    assert obstacle(deployment(), None, None, QUEUED) is None
