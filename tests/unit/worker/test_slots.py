"""What begins, what is held, and what a deployment leaves behind that a fault has ended."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from listener.config import Settings
from listener.deploy.runner import Runner
from listener.model.deployment import Deployment
from listener.model.journal import Journal
from listener.model.target import Memory, Pause, Target, TargetSettings
from listener.store import Unavailable
from listener.telemetry import Metrics
from listener.worker import slots as module
from listener.worker.rolling import Go
from listener.worker.slots import Slots
from tests.unit.conftest import a_deployment


def web(**settings: Any) -> Target:
    return Target(name="web", host="h1", settings=TargetSettings(**settings), image="docker.io/web")


class Host:
    """A host on which one push waits; what its engine lists differs from look to look."""

    def __init__(self, *looks: list[Target]) -> None:
        self.push = a_deployment()
        self.looks = list(looks)
        self.pauses: dict[str, Pause] = {}
        self.held: list[str] = []
        self.taken: list[Deployment] = []
        self.ran: list[Journal] = []
        self.away = 0
        whole = cast(Any, self)
        runner = Runner(whole, whole, whole, Metrics())
        runner.run = self._run  # type: ignore[method-assign]
        self.slots = Slots(
            Settings(host="h1"), whole, runner, whole, whole, whole, whole, whole, Metrics()
        )

    async def _run(self, journal: Journal, memory: Memory) -> tuple[Journal, Memory]:
        self.ran.append(journal)
        raise KeyError("a mistake of ours")

    def all_waiting(self) -> list[Deployment]:
        return [] if self.taken else [self.push]

    async def targets(self) -> list[Target]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def read_pauses(self) -> None:
        pass

    def running(self, _: str) -> str | None:
        return self.taken[0].id if self.taken else None

    async def journals(self) -> list[Journal]:
        return self.ran[-1:]

    async def hold(self, _: Deployment, reason: str) -> None:
        self.held.append(reason)

    def ready_in(self, *_: object) -> float:
        return 0.0

    async def ask(self, *_: object) -> Go:
        return Go()

    async def memory(self, _: str) -> Memory:
        if self.away:
            self.away -= 1
            raise Unavailable("Redis is loading its data")
        return Memory()

    async def take(self, waiting: Deployment) -> Deployment:
        self.taken.append(waiting)
        return waiting

    def resumed(self, _: Journal) -> None:
        pass

    def began(self, _: Target) -> None:
        pass


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(module, "_WITHOUT_WORK", 0.01)
    monkeypatch.setattr(module, "_AFTER_A_FAULT", 0.01)
    monkeypatch.setattr("listener.deploy.runner._RETRY_EVERY", 0.01)


async def test_what_is_created_again_between_two_looks_is_held_as_its_labels_say() -> None:
    host = Host([], [web(approve=True)])
    await host.slots.fill()
    assert host.taken == []
    (reason,) = host.held
    assert reason.startswith("waits for approval")


async def test_what_redis_does_not_tell_of_leaves_a_push_waiting() -> None:
    host = Host([web()])
    host.away = 1
    with pytest.raises(Unavailable):
        await host.slots.fill()
    assert host.taken == []


async def test_a_deployment_waits_for_redis_and_is_tried_again_after_a_fault_of_ours() -> None:
    host = Host([web()])
    await host.slots.fill()
    host.away = 2

    async with asyncio.timeout(10):
        while len(host.ran) < 3:
            await host.slots.fill()
    await host.slots.abandon()
    assert {journal.deployment.id for journal in host.ran} == {host.push.id}
