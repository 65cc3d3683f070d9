"""The metrics page: formats, sharing and keeping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.telemetry import Metrics
from listener.web.metrics_page import MetricsPage
from tests.unit.conftest import a_view


class Slow(Collector):
    """Counts how often it is rendered and waits until it may end."""

    def __init__(self) -> None:
        self.rendered = 0
        self.thread = 0
        self.gate = threading.Event()

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        self.rendered += 1
        self.thread = threading.get_ident()
        self.gate.wait(10)
        yield GaugeMetricFamily("slow", "Slow.", value=self.rendered)


async def test_the_format_is_the_one_that_was_asked_for() -> None:
    registry = CollectorRegistry()
    Gauge("up", "Up.", registry=registry)
    page = MetricsPage(registry)
    body, kind = await page.render("text/plain")
    assert kind.startswith("text/plain")
    assert b"# EOF" not in body
    body, kind = await page.render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_each_worker_of_a_process_shows_targets_of_its_own() -> None:
    metrics = Metrics()

    def shown() -> set[str]:
        return {
            sample.labels["target"]
            for family in metrics.registry.collect()
            if family.name == "listener_target_healthy"
            for sample in family.samples
        }

    metrics.targets_seen([a_view("web"), a_view("db")], "h1")
    metrics.targets_seen([a_view("shop", host="swarm-1")], "swarm-1")
    assert shown() == {"web", "db", "shop"}
    metrics.targets_seen([a_view("web")], "h1")
    assert shown() == {"web", "shop"}
    metrics.targets_seen([], "swarm-1")
    assert shown() == {"web"}


async def test_openmetrics_names_the_deployment_behind_a_figure() -> None:
    metrics, now = Metrics(), utc_now()
    ended = Deployment(
        id="20260302-120000-000-7f3a9c1e",
        target="web",
        host="h1",
        trigger=Trigger.PUSH,
        image="docker.io/team/web",
        state=State.SUCCEEDED,
        queued_at=now,
        started_at=now,
        finished_at=now,
    )
    metrics.deployment_ended(ended)
    page = MetricsPage(metrics.registry)
    body, _ = await page.render("application/openmetrics-text; version=1.0.0")
    assert b'# {deployment="20260302-120000-000-7f3a9c1e"}' in body
    body, _ = await page.render("text/plain")
    assert b"7f3a9c1e" not in body


async def test_callers_at_once_share_a_rendering_outside_of_the_loop() -> None:
    registry, slow = CollectorRegistry(), Slow()
    registry.register(slow)
    page = MetricsPage(registry)
    calls = [asyncio.create_task(page.render("")) for _ in range(5)]
    await asyncio.sleep(0)
    calls[0].cancel()
    slow.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert slow.rendered == 1
    assert slow.thread != threading.get_ident()
    assert all(b"slow 1.0" in result[0] for result in results[1:] if isinstance(result, tuple))


async def test_a_page_is_kept_twice_as_long_as_it_took() -> None:
    registry, slow = CollectorRegistry(), Slow()
    registry.register(slow)
    slow.gate.set()
    times = iter([0.0, 0.1, 0.25, 0.35, 0.35, 0.4])
    page = MetricsPage(registry, clock=lambda: next(times))
    first, _ = await page.render("")
    kept, _ = await page.render("")
    assert kept == first
    fresh, _ = await page.render("")
    assert b"slow 2.0" in fresh


async def test_the_loop_goes_on_while_a_large_page_is_rendered() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("many", "Many.", ["number"], registry=registry)
    for number in range(20_000):
        gauge.labels(str(number)).set(number)
    task = asyncio.create_task(MetricsPage(registry).render("text/plain"))
    turns = 0
    while not task.done():
        # Each turn gives the interpreter away, as a hook that asks Redis does.
        await asyncio.sleep(0.0001)
        turns += 1
    body, _ = await task
    assert body.count(b"\nmany{") == 20_000
    assert turns > 100


async def test_a_failed_rendering_is_not_kept() -> None:
    class Fails(Collector):
        def collect(self) -> Iterator[Metric]:
            raise RuntimeError("no")

        def describe(self) -> list[Metric]:
            return []

    registry, broken = CollectorRegistry(), Fails()
    registry.register(broken)
    page = MetricsPage(registry)
    (problem,) = await asyncio.gather(page.render(""), return_exceptions=True)
    assert isinstance(problem, RuntimeError)
    registry.unregister(broken)
    assert await page.render("")
