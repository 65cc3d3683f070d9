"""What the dashboard costs: to open it, to leave it open, and many who have it open."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.figure import Figure, median
from bench.proc import cpu_seconds
from lab.crowd import Crowd
from lab.redis_server import RedisServer
from listener.demo.listener import Listener
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Layer, State, Step, Trigger, new_deployment_id
from listener.store import connect

_TARGETS, _PAST = 200, 25
_OPENED = 5
_PAGES = 50
_SECONDS = 30.0
_SEEN_EVERY = 5
_FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"


def measure(directory: Path) -> list[Figure]:
    """`listener serve` over a Redis with 5,000 deployments, in Chromium and to bare readers."""
    with RedisServer(directory) as redis:
        crowd = Crowd(redis.url, count=_TARGETS, past=_PAST)
        asyncio.run(crowd.settle())
        listener = Listener(directory / "serve", {"redis": redis.url}, verb="serve")
        listener.start()
        try:
            return [*_in_a_browser(listener, crowd), _many(listener, crowd)]
        finally:
            listener.stop()


def _in_a_browser(listener: Listener, crowd: Crowd) -> list[Figure]:
    facts = f"{_TARGETS} targets, {_TARGETS * _PAST} deployments"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=_FLAGS.split()
        )
        first, *others = [_opens(browser, listener.admin) for _ in range(1 + _OPENED)]
        share = _left_open(browser, listener.admin, crowd)
        browser.close()
    return [
        Figure("page: opens, first after the start", first, "s", facts, most=2),
        Figure("page: opens, median", median(others), "s", facts, most=1),
        Figure("page: left open, share of one core", share * 100, "%", f"{_SECONDS:g} s", most=1),
    ]


def _opens(browser: Browser, url: str) -> float:
    """Seconds from the address to the last row, by the clock of a browser that never saw it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    _wait_for_rows(page)
    drawn = "performance.getEntriesByName('drawn')[0].startTime"
    took = float(page.evaluate(drawn))
    context.close()
    return took / 1000


def _wait_for_rows(page: Page) -> None:
    page.locator(".row.target").nth(_TARGETS - 1).wait_for(state="attached")


def _left_open(browser: Browser, url: str, crowd: Crowd) -> float:
    page = browser.new_page()
    page.goto(url)
    _wait_for_rows(page)
    page.wait_for_timeout(5000)
    asked = page.context.new_cdp_session(page)
    asked.send("Performance.enable")
    with ThreadPoolExecutor() as aside:
        alive = aside.submit(lambda: asyncio.run(_for_a_while(crowd, deploying=False)))
        before, began = _process_time(asked), time.monotonic()
        _wait(page, alive.done)
        return (_process_time(asked) - before) / (time.monotonic() - began)


def _process_time(asked: CDPSession) -> float:
    """Seconds of processor time that the process of a page has used."""
    metrics = asked.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "ProcessTime"))


def _wait(page: Page, done: object) -> None:
    assert callable(done)
    while not done():
        page.wait_for_timeout(500)


def _many(listener: Listener, crowd: Crowd) -> Figure:
    """What fifty readers add, while one deployment pulls and the worker is seen."""
    alone = asyncio.run(_share(listener, crowd, 0))
    together = asyncio.run(_share(listener, crowd, _PAGES))
    facts = f"{_PAGES} streams, one deployment under way; {alone * 100:.2f} % without them"
    return Figure("pages: share of one core", (together - alone) * 100, "%", facts, most=5)


async def _share(listener: Listener, crowd: Crowd, pages: int) -> float:
    async with _readers(listener.admin, pages):
        await asyncio.sleep(2)
        before, began = cpu_seconds(listener.pid), time.monotonic()
        await _for_a_while(crowd, deploying=True)
        return (cpu_seconds(listener.pid) - before) / (time.monotonic() - began)


@asynccontextmanager
async def _readers(url: str, count: int) -> AsyncIterator[None]:
    async def read(http: aiohttp.ClientSession) -> None:
        async with http.get(f"{url}/api/v1/events") as answer:
            async for _ in answer.content.iter_any():
                pass

    timeout = aiohttp.ClientTimeout(total=None)
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        http = aiohttp.ClientSession(timeout=timeout, connector=connector)
        await stack.enter_async_context(http)
        tasks = [asyncio.create_task(read(http)) for _ in range(count)]
        try:
            yield
        finally:
            assert not any(task.done() for task in tasks), "a stream has ended"
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)


async def _for_a_while(crowd: Crowd, *, deploying: bool) -> None:
    """What a worker writes: that it lives, and each second how far a pull is."""
    store = await connect(crowd.url)
    try:
        ledger = await crowd.ledger(store)
        running = _pulling(crowd)
        for second in range(round(_SECONDS)):
            if second % _SEEN_EVERY == 0:
                await crowd.seen(store, ledger)
            if deploying:
                await ledger.record(_further(running, second))
            await asyncio.sleep(1)
        if deploying:
            await ledger.record(running.model_copy(update={"state": State.SUPERSEDED}))
    finally:
        await store.close()


def _pulling(crowd: Crowd) -> Deployment:
    now = utc_now()
    return Deployment(
        id=new_deployment_id(now),
        target=crowd.names[0],
        host=crowd.host,
        trigger=Trigger.PUSH,
        image=f"registry.example.com/team/{crowd.names[0]}",
        state=State.PULLING,
        queued_at=now,
        started_at=now,
    )


def _further(running: Deployment, second: int) -> Deployment:
    layers = tuple(
        Layer(id=f"{number:012x}", status="Downloading", current=second * 10**6, total=10**8)
        for number in range(10)
    )
    step = Step(name="pull", started_at=running.queued_at, layers=layers)
    return running.model_copy(update={"steps": (step,)})
