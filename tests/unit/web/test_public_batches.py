"""Requests that come together share a call, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from listener.model.base import utc_now
from listener.model.delivery import Delivery
from listener.model.push import Push
from listener.store import Unavailable
from listener.web import batches
from listener.web.batches import Batches

DELIVERY = Delivery(
    id="d1", hook="h", provider="generic", received_at=utc_now(), code=202, outcome="stored"
)


class SlowLog:
    """Answers when it is told to, and remembers each call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.fault: Exception | None = None

    async def append(
        self, pushes: Sequence[tuple[Push, str]], deliveries: Sequence[tuple[Delivery, int]]
    ) -> list[tuple[str, bool]]:
        assert sum(count for _, count in deliveries) == len(pushes)
        self.calls.append([key for _, key in pushes])
        self.began.set()
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return [(f"id-{key}", False) for _, key in pushes]


def push(key: str) -> tuple[Push, str]:
    image = "docker.io/a/b"
    return Push(
        id=key, hook="h", provider="generic", image=image, tag="1", received_at=utc_now()
    ), key


async def test_what_waits_shares_the_next_call_and_each_gets_its_own() -> None:
    log = SlowLog()
    together = Batches(log)
    first = asyncio.create_task(together.append([push("a")], DELIVERY))
    await asyncio.wait_for(log.began.wait(), 5)
    later = [
        asyncio.create_task(together.append([push(f"{n}x"), push(f"{n}y")], DELIVERY))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    assert log.calls == [["a"]]
    log.go.set()
    assert await first == [("id-a", False)]
    assert await asyncio.gather(*later) == [
        [(f"id-{n}x", False), (f"id-{n}y", False)] for n in range(3)
    ]
    assert log.calls == [["a"], ["0x", "0y", "1x", "1y", "2x", "2y"]]


async def test_a_call_is_bounded() -> None:
    log = SlowLog()
    log.go.set()
    together = Batches(log)
    pushes = [push(str(n)) for n in range(100)]
    await asyncio.gather(*(together.append(pushes, DELIVERY) for _ in range(5)))
    assert [len(call) for call in log.calls] == [200, 200, 100]


async def test_a_fault_reaches_all_of_its_call_and_none_later() -> None:
    log = SlowLog()
    log.fault = Unavailable("away")
    log.go.set()
    together = Batches(log)
    both = await asyncio.gather(
        together.append([push("a")], DELIVERY),
        together.append([push("b")], DELIVERY),
        return_exceptions=True,
    )
    assert [type(one) for one in both] == [Unavailable, Unavailable]
    log.fault = None
    assert await together.append([push("c")], DELIVERY) == [("id-c", False)]


async def test_who_gave_up_is_not_stored_and_holds_up_nobody() -> None:
    log = SlowLog()
    together = Batches(log)
    first = asyncio.create_task(together.append([push("a")], DELIVERY))
    await asyncio.wait_for(log.began.wait(), 5)
    gone = asyncio.create_task(together.append([push("gone")], DELIVERY))
    stays = asyncio.create_task(together.append([push("stays")], DELIVERY))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    log.go.set()
    assert await stays == [("id-stays", False)]
    assert log.calls == [["a"], ["stays"]]


async def test_a_stuck_store_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "STORE_TIMEOUT", 0.05)
    log = SlowLog()
    together = Batches(log)
    with pytest.raises(TimeoutError):
        await together.append([push("a")], DELIVERY)
    log.go.set()
    assert await together.append([push("b")], DELIVERY) == [("id-b", False)]
