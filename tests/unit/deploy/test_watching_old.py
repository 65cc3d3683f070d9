"""What came back has to be as it was before: no better, and no worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from listener.deploy import health, watch
from listener.deploy.outcomes import Healthy, Sick
from listener.deploy.progress import ActProgress
from listener.deploy.watching import Watching
from listener.drivers.wayback import WayBack
from listener.model.base import utc_now
from listener.model.journal import Baseline, Journal, NewContainer
from tests.unit.conftest import an_old
from tests.unit.deploy.test_machine import NEW_DIGEST, fresh

RUNS = {"Status": "running", "Running": True, "StartedAt": "t", "Health": {"Status": "starting"}}
ENDED = {"Status": "exited", "ExitCode": 4, "StartedAt": "t"}
LOOPS = {"Status": "restarting", "Running": True, "Restarting": True, "StartedAt": "t"}
CHECK = {"Test": ["CMD", "/check"]}


class Back:
    """An engine on which the old container is back; how it is from look to look."""

    def __init__(self, looks: Sequence[dict[str, Any]]) -> None:
        self.looks = list(looks)

    async def baseline_of_old(self, _: Journal) -> Baseline:
        return Baseline(container_id="old", started_at="t", restart_count=0, watch_began=utc_now())

    async def inspect_old(self, _: Journal) -> dict[str, Any]:
        state = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return {"State": state, "Config": {"Healthcheck": CHECK}, "RestartCount": 0}

    async def logs(self, _: str) -> tuple[str, ...]:
        return ("migrated by a newer version",)


@pytest.mark.parametrize(
    ("before", "looks", "kind", "said"),
    [
        (RUNS, [RUNS], Healthy, "it runs again; it was not known to be healthy before"),
        (RUNS, [RUNS, ENDED], Sick, "exited with code 4"),
        (LOOPS, [LOOPS], Healthy, "it is back; it restarted over and over before, too"),
    ],
    ids=["stays up", "ends", "looped before"],
)
async def test_one_that_was_not_known_to_be_healthy_has_to_stay_up(
    monkeypatch: pytest.MonkeyPatch,
    before: dict[str, Any],
    looks: list[dict[str, Any]],
    kind: type,
    said: str,
) -> None:
    monkeypatch.setattr(health, "_SHORTEST_RUN", 0.05)
    monkeypatch.setattr(watch, "_EVERY", 0.01)
    old = an_old({"State": before, "HostConfig": {}}, was_healthy=False)
    new = NewContainer(digest=NEW_DIGEST, reference="web:latest")
    journal = fresh().model_copy(update={"old": old, "new": new})
    settings = journal.target.settings.model_copy(
        update={"health": journal.target.settings.health.model_copy(update={"settle": 0.05})}
    )
    target = journal.target.model_copy(update={"settings": settings})
    journal = journal.model_copy(update={"target": target})
    watching = Watching(cast(Any, None), cast(WayBack, Back(looks)))
    outcome = await watching.old(journal, ActProgress())
    assert isinstance(outcome, kind)
    assert said in outcome.reason
