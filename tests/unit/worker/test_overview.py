"""What a worker shows of its targets, also where two publications overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State
from listener.model.target import Memory, Pause, Target, TargetSettings
from listener.model.view import HostView, TargetView
from listener.telemetry import Metrics
from listener.worker.overview import Overview
from tests.unit.conftest import a_deployment


def target(name: str) -> Target:
    return Target(name=name, host="h1", settings=TargetSettings(), image="docker.io/team/web")


class Parts:
    """What an overview stands on; it is told of the target `slow` only once `answers` is set."""

    engine_id = version = "1"

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.shown: list[list[TargetView]] = []
        self.unrun: Deployment | None = None
        self.lane: str | None = None
        whole = cast(Any, self)
        self.overview = Overview("h1", whole, whole, whole, Metrics(), lambda: None)

    async def show(self, *names: str) -> None:
        await self.overview.publish(cast(Any, self), [target(name) for name in names])

    async def memory(self, name: str) -> Memory:
        if name == "slow":
            await self.answers.wait()
        return Memory()

    async def pauses(self) -> dict[tuple[str, str], Pause]:
        return {}

    async def deployments(self, **_: object) -> list[Deployment]:
        return []

    def running(self, _: str) -> str | None:
        return self.lane

    def waiting(self, _: str) -> None:
        pass

    def ended_early(self, _: str) -> Deployment | None:
        return self.unrun

    async def publish(self, views: Sequence[TargetView], _: HostView) -> None:
        self.shown.append(list(views))


async def test_two_publications_may_overlap_and_know_of_different_targets() -> None:
    parts = Parts()
    first = asyncio.create_task(parts.show("gone", "slow", "web"))
    await asyncio.sleep(0)
    await parts.show("web")
    parts.answers.set()
    await first
    assert [[view.name for view in shown] for shown in parts.shown] == [
        ["web"],
        ["gone", "slow", "web"],
    ]


async def test_what_ended_without_having_run_is_the_last_deployment() -> None:
    parts = Parts()
    await parts.show("web")
    await parts.show("web")
    assert len(parts.shown) == 1, "nothing has changed"
    refused = {"state": State.FAILED, "reason": "the registry refused", "finished_at": utc_now()}
    parts.unrun = a_deployment(**refused)
    await parts.show("web")
    ((view,),) = parts.shown[1:]
    assert view.last_deployment is not None
    assert view.last_deployment.reason == "the registry refused"


async def test_an_end_is_shown_though_its_lane_is_free_only_a_moment_later() -> None:
    parts, ended = Parts(), a_deployment().model_copy(update={"state": State.SUCCEEDED})
    parts.lane = ended.id
    await parts.show("web")
    parts.overview.ended(ended, Memory())
    await parts.show("web")
    assert [views[0].state for views in parts.shown] == ["deploying", "idle"]
