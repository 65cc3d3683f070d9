"""The task that keeps a lease: it renews it in time, and says when it is lost."""

from __future__ import annotations

import asyncio

import pytest

from listener.store import Store, keys
from listener.store import lease as lease_module

from .conftest import DEADLINE
from .test_lease import a_lease


async def test_a_kept_lease_does_not_run_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 0.05)
    first, second = a_lease(store, "a"), a_lease(store, "b")
    assert await first.acquire()
    keeping = asyncio.create_task(first.keep())
    name = keys.lease("engine")
    async with asyncio.timeout(DEADLINE):
        for _ in range(3):
            # As if most of its time had gone by.
            await store.call("PEXPIRE", name, 3000)
            while await store.call("PTTL", name) <= 3000:
                pass
            assert not await second.acquire()
        await first.release()
        await keeping
    assert await second.acquire()


async def test_the_keeper_says_when_it_is_lost(store: Store) -> None:
    first, second = a_lease(store, "a", ttl=0.6), a_lease(store, "b")
    assert await first.acquire()
    await store.call("DEL", keys.lease("engine"))
    assert await second.acquire()
    async with asyncio.timeout(2):
        await first.keep()
    assert first.lost.is_set()
