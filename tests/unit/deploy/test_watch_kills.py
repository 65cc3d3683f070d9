"""A container that was killed: engines note a moment later that the kernel did it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.deploy import watch as module
from listener.deploy.watch import watch
from listener.drivers.probes import Probes
from listener.model.target import Health
from tests.unit.deploy.test_watch_clock import BASELINE, Nobody


@pytest.mark.parametrize(
    ("noted", "said"), [(True, "it ran out of memory"), (False, "exited with code 137")]
)
async def test_what_was_killed_is_looked_at_twice(
    monkeypatch: pytest.MonkeyPatch, noted: bool, said: str
) -> None:
    monkeypatch.setattr(module, "_EVERY", 0)
    looks = [False, noted]

    async def inspect() -> dict[str, Any]:
        killed = {"Status": "exited", "ExitCode": 137, "OOMKilled": looks.pop(0)}
        return {"State": {**killed, "StartedAt": "t"}, "Config": {}}

    verdict = await watch(inspect, cast(Probes, Nobody()), Health(), BASELINE)
    assert (verdict.kind, looks) == ("exited", [])
    assert said in verdict.reason
