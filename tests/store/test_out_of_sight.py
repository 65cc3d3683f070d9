"""What comes for a target in the moment of its swap in which no container has its name."""

from __future__ import annotations

from typing import cast

import pytest

from listener.config import Settings
from listener.discovery import Discovery
from listener.drivers.engine import Engine
from listener.model.deployment import State, Trigger
from listener.model.push import Push
from listener.model.tag_policy import TagPolicy
from listener.model.target import Memory, Target, TargetSettings
from listener.registry import Credentials, Resolver
from listener.store import Archive, Command, Incoming, Lease, PushLog, Store
from listener.telemetry import Metrics
from listener.worker.tenure import Tenure

from .conftest import a_deployment, a_push, finished

WEB = Target(
    name="web",
    host="h1",
    settings=TargetSettings(),
    image="docker.io/team/web",
    policy=TagPolicy(exact="v1"),
)


class Nobody:
    """An engine that lists no container of a target."""

    async def targets(self) -> list[Target]:
        return []


@pytest.fixture
async def tenure(store: Store, lease: Lease) -> Tenure:
    """One whose target web is between the two renames of its swap."""
    credentials = Credentials({})
    tenure = Tenure(
        Settings(host="h1"),
        Engine("unix:///nowhere"),
        lease,
        store,
        Archive(store),
        Resolver({}, credentials),
        credentials,
        Metrics(),
        lambda: None,
        alone=True,
    )
    tenure._discovery = cast(Discovery, Nobody())
    tenure._overview.began(WEB)
    # The first read only makes the group.
    await tenure._inbox._pushes.read("h1", 1, 0)
    return tenure


async def pushed(tenure: Tenure, log: PushLog) -> Push:
    push = a_push()
    await log.append([(push, push.id)])
    await tenure._inbox.read_pushes()
    return push


async def test_a_push_is_for_the_target_all_the_same(
    tenure: Tenure, log: PushLog, store: Store
) -> None:
    push = await pushed(tenure, log)
    (record,) = await Incoming(store).pushes(1)
    assert record.push.id == push.id
    (match,) = record.matches
    waiting = tenure._lanes.waiting("web")
    assert waiting is not None
    assert (match.target, match.deployment) == ("web", waiting.id)


async def test_a_command_is_for_the_target_all_the_same(tenure: Tenure, store: Store) -> None:
    asked = a_deployment(trigger=Trigger.MANUAL)
    await Archive(store).submit("h1", Command(kind="deploy", deployment=asked))
    await tenure._inbox.read_commands()
    waiting = tenure._lanes.waiting("web")
    assert waiting is not None
    assert waiting.id == asked.id


async def test_a_target_that_is_gone_after_its_deployment_is_no_target(
    tenure: Tenure, log: PushLog, store: Store
) -> None:
    tenure._overview.ended(finished(a_deployment()), Memory())
    await pushed(tenure, log)
    assert tenure._lanes.waiting("web") is None
    asked = a_deployment(trigger=Trigger.MANUAL)
    await Archive(store).submit("h1", Command(kind="deploy", deployment=asked))
    await tenure._inbox.read_commands()
    ended = await Archive(store).deployment(asked.id)
    assert ended is not None
    assert (ended.state, ended.reason) == (State.FAILED, "there is no target web on h1")
