"""The engine keeps a name though nobody is seen to have it: in a creation, and in a removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineError, EngineStuck, NotFound
from listener.drivers.stage import Stage


class Bench:
    """An engine that answers each rename with the next of `answers`; `holder` is seen last."""

    def __init__(self, answers: Sequence[Exception | None], holder: str | None = None) -> None:
        self.answers, self.holder = list(answers), holder
        self.looks = 0

    async def rename(self, container: str, name: str) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer

    async def inspect_container(self, ref: str) -> dict[str, Any]:
        self.looks += 1
        if self.holder is None or self.answers:
            raise NotFound(404, f"no such container {ref}")
        return {"Id": self.holder, "Name": f"/{ref}", "State": {"Status": "created"}}


IN_USE = Conflict(409, "the name is already in use")


async def test_a_name_that_nobody_is_seen_to_have_is_waited_for() -> None:
    bench = Bench([IN_USE, IN_USE, None])
    await Stage(cast("Engine", bench)).take_name("id", "web")
    assert bench.answers == []


async def test_somebody_who_is_seen_only_after_the_refusal_has_it() -> None:
    bench = Bench([IN_USE, IN_USE], holder="stranger")
    with pytest.raises(CannotSwapError, match=r"another container took the name web: .*in use"):
        await Stage(cast("Engine", bench)).take_name("id", "web")
    assert bench.looks == 2


async def test_one_that_was_removed_meanwhile_needs_no_other_name() -> None:
    bench = Bench([NotFound(404, "no such container")])
    inspect = {"Id": "id", "Name": "/web", "State": {"Status": "exited"}}
    await Stage(cast("Engine", bench)).move_away(inspect, "web.bad-7f3a9c1e")
    assert bench.answers == []


class Found:
    """An engine on which each name leads to the same answer."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer

    async def inspect_container(self, _: str) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def logs(self, _: str, *, tail: int) -> list[str]:
        raise EngineStuck(f"no answer to GET logs?tail={tail} within 15 s", 15.0)


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ({"Id": "db3f" * 16, "Name": "/cache", "State": {"Status": "running"}}, False),
        ({"Id": "db3f" * 16, "Name": "/db", "State": {"Status": "running"}}, True),
        ({"Id": "db", "Name": "/cache", "State": {"Status": "running"}}, True),
        (EngineError(500, "Multiple IDs found with provided prefix: db"), False),
        (NotFound(404, "No such container: db"), False),
    ],
)
async def test_the_beginning_of_an_id_is_no_name(
    answer: dict[str, Any] | Exception, there: bool
) -> None:
    found = await Stage(cast("Engine", Found(answer))).find("db")
    assert (found is not None) is there


async def test_a_log_that_cannot_be_had_holds_nothing_up() -> None:
    lines = await Stage(cast("Engine", Found({}))).logs("db")
    assert lines == ("its log cannot be read: no answer to GET logs?tail=100 within 15 s",)


class Looping(Bench):
    """One that the engine misses the network of, between two tries of a restart loop: a 404."""

    def __init__(self) -> None:
        super().__init__([NotFound(404, "sandbox not found"), None], holder="id")
        self.stopped = False

    async def inspect_container(self, ref: str) -> dict[str, Any]:
        return {"Id": "id", "Name": "/web", "State": {"Status": "restarting", "Running": True}}

    async def stop(self, container: str, timeout: int) -> None:
        self.stopped = True


async def test_one_that_restarts_over_and_over_is_stopped_for_its_other_name() -> None:
    bench = Looping()
    await Stage(cast("Engine", bench)).move_away(await bench.inspect_container("id"), "web.old-x")
    assert bench.stopped
    assert bench.answers == []
