"""Pushes are matched against the containers as they are, not as they were a moment before."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from listener.model.target import Target, TargetSettings
from listener.worker.inbox import Inbox


class Host:
    """A host on which a push comes again and again; its containers change while it lists them."""

    host = "h1"

    def __init__(self) -> None:
        self.listings = 0
        self.matched: list[str] = []
        whole = cast(Any, self)
        self.inbox = Inbox(whole, whole, whole, whole, self.targets, lambda: None)

    async def read(self, *_: object) -> list[object]:
        return [object()]

    async def targets(self) -> list[Target]:
        self.listings += 1
        name = f"listed {self.listings}"
        if self.listings == 1:
            self.inbox.stale()
        await asyncio.sleep(0)
        return [Target(name=name, host="h1", settings=TargetSettings(), image="docker.io/web")]

    async def pushes(self, _: object, targets: list[Target]) -> bool:
        self.matched += [target.name for target in targets]
        return False


async def test_what_changes_while_containers_are_listed_is_listed_anew(monkeypatch: Any) -> None:
    monkeypatch.setattr("listener.worker.inbox.untold", lambda *_: [])
    host = Host()
    for _ in range(3):
        await host.inbox.read_pushes()
    assert host.matched == ["listed 1", "listed 2", "listed 2"]
