"""A container that lost ends as its user would end it, whatever a kill left half done."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError, NotFound
from listener.drivers.stage import Stage

Calls = list[tuple[Any, ...]]


class Bench:
    """An engine with one container, that notes what is asked of it."""

    def __init__(self, *, runs: bool, timeout: int | None = None) -> None:
        self.runs, self.there = runs, True
        self.timeout = timeout
        self.refusal: Exception | None = None
        self.calls: Calls = []

    async def inspect_container(self, ref: str) -> dict[str, Any]:
        if not self.there:
            raise NotFound(404, f"no such container {ref}")
        return {
            "Id": "id",
            "Name": "/web.new-7f3a9c1e",
            "Config": {"StopTimeout": self.timeout},
            "State": {"Running": self.runs, "Status": "running" if self.runs else "exited"},
        }

    async def stop(self, container: str, timeout: int) -> None:
        self.calls.append(("stop", container, timeout))
        if self.refusal is not None:
            raise self.refusal
        self.runs = False

    async def remove(self, container: str, *, volumes: bool, force: bool) -> None:
        self.calls.append(("remove", container, volumes, force))
        self.there = False


async def disposed(bench: Bench) -> Calls:
    await Stage(cast("Engine", bench)).dispose("web.new-7f3a9c1e")
    return bench.calls


REMOVED = ("remove", "id", True, True)


@pytest.mark.parametrize(("timeout", "given"), [(None, 10), (3, 3), (0, 0)])
async def test_one_that_runs_is_stopped_within_its_own_time(
    timeout: int | None, given: int
) -> None:
    assert await disposed(Bench(runs=True, timeout=timeout)) == [("stop", "id", given), REMOVED]


async def test_one_that_has_ended_is_removed_at_once_and_only_once() -> None:
    bench = Bench(runs=False)
    assert await disposed(bench) == [REMOVED]
    assert await disposed(bench) == [REMOVED]


async def test_one_that_cannot_be_stopped_goes_all_the_same() -> None:
    bench = Bench(runs=True)
    bench.refusal = EngineError(500, "cannot stop container")
    assert await disposed(bench) == [("stop", "id", 10), REMOVED]


async def test_where_the_engine_goes_away_meanwhile_it_is_done_again() -> None:
    bench = Bench(runs=True)
    bench.refusal = EngineAway("no answer")
    with pytest.raises(EngineAway):
        await disposed(bench)
    bench.refusal = None
    assert (await disposed(bench))[1:] == [("stop", "id", 10), REMOVED]
