"""A call on which the engine hangs is not waited for for ever; an engine that is away is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from listener.deploy import runner, stuck
from listener.deploy.outcomes import Nothing, Outcome
from listener.deploy.runner import Runner
from listener.drivers.errors import EngineAway, EngineStuck
from listener.model.deployment import State
from listener.model.target import Memory
from listener.telemetry import Metrics
from tests.unit.deploy.test_machine import fresh

STUCK = EngineStuck("no answer to POST containers/web/start within 120 s", 120.0)


class Acts:
    """Performs nothing: raises what it is given, then ends well."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)

    async def perform(self, *_: object) -> Outcome:
        if self.faults:
            raise self.faults.pop(0)
        return Nothing("it runs already")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a minute after the one before."""
    minutes = iter(range(60, 6000, 60))
    clock = SimpleNamespace(monotonic=lambda: float(next(minutes)))
    monkeypatch.setattr(stuck, "time", clock)
    monkeypatch.setattr(runner, "_RETRY_EVERY", 0)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("faults", "state"),
    [
        ((STUCK, STUCK), State.SKIPPED),
        ((STUCK, STUCK, STUCK), State.FAILED),
        ((STUCK, STUCK, EngineAway("gone"), STUCK, STUCK), State.SKIPPED),
        ((EngineAway("gone"),) * 50, State.SKIPPED),
        ((STUCK, EngineStuck("another call", 15.0), STUCK, STUCK), State.SKIPPED),
    ],
    ids=["slow", "stuck", "restarted", "away", "moves"],
)
async def test_only_what_is_stuck_is_given_up(faults: tuple[Exception, ...], state: State) -> None:
    acts = cast(Any, Acts(*faults))
    ended = await Runner(acts, acts, acts, Metrics()).rehearse(fresh(), Memory())
    assert ended.state is state
    assert (ended.reason == str(STUCK)) is (state is State.FAILED)
