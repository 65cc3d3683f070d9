"""One container on which the engine hangs is told from an engine that is busy."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.drivers import facts as module
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineStuck
from listener.drivers.facts import Facts

LATE = EngineStuck("no answer to GET containers/id/json within 15 s", 15.0)
SUMMARY = {"Id": "id"}


class Hanging:
    """An engine that is late for some looks at its container."""

    def __init__(self, late: int) -> None:
        self.late, self.looks = late, 0

    async def inspect_container(self, _: str) -> dict[str, Any]:
        self.looks += 1
        if self.looks <= self.late:
            raise LATE
        return {"Id": "id", "Config": {"Image": "web:1"}, "Image": "sha256:abc"}

    async def inspect_image(self, _: str) -> dict[str, Any]:
        return {"Id": "sha256:abc", "RepoDigests": []}


async def test_one_that_is_late_once_or_twice_is_waited_for() -> None:
    facts = Facts(cast(Engine, Hanging(late=2)))
    for _ in range(2):
        with pytest.raises(EngineAway) as fault:
            await facts.of([SUMMARY])
        assert not isinstance(fault.value, EngineStuck)
    assert await facts.of([SUMMARY]) == ("web:1", "sha256:abc", ("sha256:abc",))


async def test_one_that_hangs_is_not_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Hanging(late=4)
    facts = Facts(cast(Engine, engine))
    for _ in range(2):
        with pytest.raises(EngineAway):
            await facts.of([SUMMARY])
    for _ in range(5):
        with pytest.raises(EngineStuck):
            await facts.of([SUMMARY])
    assert engine.looks == 3
    monkeypatch.setattr(module, "_STUCK_FOR", 0.0)
    facts = Facts(cast(Engine, Hanging(late=3)))
    for _ in range(3):
        with pytest.raises(EngineAway):
            await facts.of([SUMMARY])
    assert await facts.of([SUMMARY]) == ("web:1", "sha256:abc", ("sha256:abc",))
