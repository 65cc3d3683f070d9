"""A watch lasts as long as its terms say, whatever the clock of the machine says meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from listener.deploy.health import Verdict
from listener.deploy.watch import watch
from listener.drivers.probes import Probes
from listener.model.base import utc_now
from listener.model.journal import Baseline
from listener.model.target import Health

BEGAN = utc_now()
BASELINE = Baseline(container_id="c", started_at="t", restart_count=0, watch_began=BEGAN)
CHECK = {"Test": ["CMD", "healthy"]}
HOUR = 3600.0


class Nobody:
    """No probe of our own is configured."""

    async def ask(self, _: object) -> None:
        return None


class Machine:
    """One container, a second older at each look, and a wall clock that jumps when told."""

    def __init__(self, healthy_after: float, jump: float, late: float) -> None:
        self.seconds, self.healthy_after = 0.0, healthy_after
        self.jump, self.wall = jump, late

    def monotonic(self) -> float:
        return 5000.0 + self.seconds

    def utc_now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.wall + self.seconds)

    async def inspect(self) -> dict[str, Any]:
        self.seconds += 1
        if self.seconds == 2:
            self.wall += self.jump
        health = "healthy" if self.seconds > self.healthy_after else "starting"
        state = {"Status": "running", "StartedAt": "t", "Health": {"Status": health}}
        return {"State": state, "Config": {"Healthcheck": CHECK}}


async def watched(
    monkeypatch: pytest.MonkeyPatch,
    *,
    healthy_after: float,
    jump: float = 0.0,
    late: float = 0.0,
) -> tuple[Verdict, float]:
    """The verdict, and how many seconds of the container's life it took."""
    machine = Machine(healthy_after, jump, late)
    monkeypatch.setattr("listener.deploy.elapsed.monotonic", machine.monotonic)
    monkeypatch.setattr("listener.deploy.elapsed.utc_now", machine.utc_now)
    monkeypatch.setattr("listener.deploy.watch._EVERY", 0.0)
    settings, probes = Health(timeout="60s", settle="10s"), cast("Probes", Nobody())
    return await watch(machine.inspect, probes, settings, BASELINE), machine.seconds


@pytest.mark.parametrize("jump", [0.0, HOUR, -HOUR])
async def test_a_clock_that_jumps_neither_ends_nor_prolongs_a_watch(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict, seconds = await watched(monkeypatch, healthy_after=20, jump=jump)
    assert (verdict.kind, seconds) == ("healthy", 31)
    verdict, seconds = await watched(monkeypatch, healthy_after=HOUR, jump=jump)
    assert (verdict.kind, seconds) == ("unhealthy", 60)


async def test_a_watch_that_is_gone_on_with_has_what_is_left_of_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict, seconds = await watched(monkeypatch, healthy_after=HOUR, late=40)
    assert (verdict.kind, seconds) == ("unhealthy", 20)


async def test_one_that_is_to_begin_only_by_the_clock_begins_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict, seconds = await watched(monkeypatch, healthy_after=HOUR, late=-HOUR)
    assert (verdict.kind, seconds) == ("unhealthy", 60)
