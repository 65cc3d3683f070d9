"""A stop of this program does not end a swap between the stop and the start of its containers."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from listener.deploy import runner as module
from listener.deploy.outcomes import Done, Outcome
from listener.deploy.runner import Runner
from listener.model.journal import Journal, Phase
from listener.model.target import Memory
from listener.telemetry import Metrics
from tests.unit.conftest import an_old
from tests.unit.deploy.test_machine import fresh


class Acts:
    """One act that goes on until it is let; and what of it was done."""

    def __init__(self, phase: Phase, *, stop_timeout: int | None = None) -> None:
        self.begun, self.let = asyncio.Event(), asyncio.Event()
        self.done = False
        whole = cast(Any, self)
        self.runner = Runner(whole, whole, whole, Metrics())
        inspect = {"Config": {"StopTimeout": stop_timeout}}
        old = an_old(inspect)
        self.journal: Journal = fresh().model_copy(update={"phase": phase, "old": old})

    async def perform(self, *_: object) -> Outcome:
        self.begun.set()
        await self.let.wait()
        self.done = True
        return Done()

    def run(self) -> asyncio.Task[Any]:
        return asyncio.ensure_future(self.runner.rehearse(self.journal, Memory()))


@pytest.mark.parametrize(
    ("phase", "done"), [(Phase.CUTOVER, True), (Phase.REVERT, True), (Phase.PULL, False)]
)
async def test_what_stops_one_and_starts_another_is_done_to_its_end(
    phase: Phase, done: bool
) -> None:
    acts = Acts(phase)
    running = acts.run()
    await acts.begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    acts.let.set()
    await asyncio.wait((running,))
    assert running.cancelled()
    assert acts.done is done


@pytest.mark.parametrize(
    ("phase", "stop_timeout", "left", "begins"),
    [
        (Phase.CUTOVER, None, 30, True),
        (Phase.CUTOVER, None, 12, False),
        (Phase.CUTOVER, 2, 12, True),
        (Phase.CUTOVER, 60, 30, False),
        (Phase.WATCH, 60, 1, True),
        # Nobody may serve meanwhile: there is no later for it.
        (Phase.REVERT, 60, 1, True),
    ],
)
async def test_what_would_not_end_in_time_is_left_for_the_next_start(
    phase: Phase, stop_timeout: int | None, left: float, begins: bool
) -> None:
    acts = Acts(phase, stop_timeout=stop_timeout)
    acts.runner.stops_at = time.monotonic() + left
    running = acts.run()
    for _ in range(10):
        await asyncio.sleep(0)
    assert acts.begun.is_set() is begins
    acts.let.set()
    running.cancel()
    await asyncio.wait((running,))


async def test_what_hangs_keeps_no_stop_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_START", 0.05)
    acts = Acts(Phase.CUTOVER, stop_timeout=0)
    running = acts.run()
    await acts.begun.wait()
    running.cancel()
    done, _ = await asyncio.wait((running,), timeout=30)
    assert done
    assert not acts.done
