"""The metrics, by the names that dashboards and alerts rely on.

Labels never carry a digest or text from a payload, except `listener_target_info`, whose old
series is removed when the digest changes. Children of closed sets exist from the start, so that
`rate()` sees the first event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener import __version__
from listener.model.deployment import Deployment, State
from listener.model.view import TargetView

# The library would show when each series began, as a quarter of the page that nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call] # theirs

PushOutcome = Literal["stored", "duplicate", "ignored", "matched_nothing"]
RollbackReason = Literal["unhealthy", "exited", "start_error", "release", "manual"]

_DURATIONS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_GAPS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
_STEPS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300)
# 0.5 s is the time a Distribution registry waits for an answer in its own example.
_HOOKS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_RECOVERIES = (10, 30, 60, 300, 900, 1800, 3600, 14400, 86400)
_PUSH_OUTCOMES: tuple[PushOutcome, ...] = ("stored", "duplicate", "ignored", "matched_nothing")


class Metrics:
    """All metrics of one process, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        reg = self.registry
        at = ["target", "host"]
        self._hook_requests = Counter(
            "listener_hook_requests",
            "Hook requests answered.",
            ["hook", "provider", "code"],
            registry=reg,
        )
        self._hook_duration = Histogram(
            "listener_hook_duration_seconds",
            "Time from the request's head to its answer.",
            ["hook"],
            buckets=_HOOKS,
            registry=reg,
        )
        self._pushes = Counter(
            "listener_pushes", "Pushes by what became of them.", ["hook", "outcome"], registry=reg
        )
        self._deployments = Counter(
            "listener_deployments",
            "Deployments that ended.",
            ["target", "host", "trigger", "state"],
            registry=reg,
        )
        self._duration = Histogram(
            "listener_deployment_duration_seconds",
            "Time from the start of a deployment to its end.",
            ["target", "host", "state"],
            buckets=_DURATIONS,
            registry=reg,
        )
        self._step = Histogram(
            "listener_step_duration_seconds",
            "Time of one step.",
            ["step"],
            buckets=_STEPS,
            registry=reg,
        )
        self._gap = Histogram(
            "listener_gap_seconds", "Time without a container.", at, buckets=_GAPS, registry=reg
        )
        self._lead = Histogram(
            "listener_lead_time_seconds",
            "Time from the push's arrival to its commit.",
            at,
            buckets=_DURATIONS,
            registry=reg,
        )
        self._rollbacks = Counter(
            "listener_rollbacks",
            "Rollbacks by what caused them.",
            ["target", "host", "reason"],
            registry=reg,
        )
        self._recovery = Histogram(
            "listener_recovery_seconds",
            "Time from the first failed or taken back deployment to the next good one.",
            at,
            buckets=_RECOVERIES,
            registry=reg,
        )
        self._info = Gauge(
            "listener_target_info",
            "What a target runs.",
            ["target", "host", "driver", "image", "tag", "digest"],
            registry=reg,
        )
        self._healthy = Gauge("listener_target_healthy", "1 while it is healthy.", at, registry=reg)
        self._last = Gauge(
            "listener_target_last_deployment_timestamp_seconds",
            "When the newest deployment ended in this state.",
            ["target", "host", "state"],
            registry=reg,
        )
        self._lease_lost = Counter(
            "listener_lease_lost", "Times a worker lost its engine.", ["host"], registry=reg
        )
        self._worker_up = Gauge(
            "listener_worker_up", "1 while the worker of this host acts.", ["host"], registry=reg
        )
        self._redis_up = Gauge("listener_redis_up", "1 while Redis answers.", registry=reg)
        self._redis_durable = Gauge(
            "listener_redis_durable", "1 if Redis keeps acknowledged pushes on disk.", registry=reg
        )
        self._reload_ok = Gauge(
            "listener_config_last_reload_successful",
            "1 if the newest file is in force.",
            registry=reg,
        )
        self._reload_at = Gauge(
            "listener_config_last_reload_success_timestamp_seconds",
            "When a configuration was last taken.",
            registry=reg,
        )
        Gauge("listener_build_info", "The version that runs.", ["version"], registry=reg).labels(
            __version__
        ).set(1)
        self._infos: dict[tuple[str, str], tuple[str, ...]] = {}
        self._hosts: frozenset[str] = frozenset()
        # Looking up a child costs more than counting on it, and hooks come by the thousand.
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._outcomes: dict[tuple[str, PushOutcome], Counter] = {}

    def hook_known(self, hook: str) -> None:
        """Makes the series of a configured hook, so that its first event is an increase."""
        for outcome in _PUSH_OUTCOMES:
            self.push_outcome(hook, outcome, 0)
        self._hook_duration.labels(hook)

    def hook_answered(self, hook: str, provider: str, code: int, seconds: float) -> None:
        """Counts one answer; unknown hooks come with empty names."""
        children = self._answers.get((hook, provider, code))
        if children is None:
            children = (
                self._hook_requests.labels(hook, provider, str(code)),
                self._hook_duration.labels(hook),
            )
            self._answers[hook, provider, code] = children
        count, duration = children
        count.inc()
        duration.observe(seconds)

    def push_outcome(self, hook: str, outcome: PushOutcome, count: int = 1) -> None:
        """Counts pushes by what became of them."""
        child = self._outcomes.get((hook, outcome))
        if child is None:
            child = self._outcomes[hook, outcome] = self._pushes.labels(hook, outcome)
        child.inc(count)

    def deployment_ended(self, ended: Deployment) -> None:
        """Counts and times one deployment in its final state; a dry run is only counted."""
        where = (ended.target, ended.host)
        which = {"deployment": ended.id}
        self._deployments.labels(*where, ended.trigger, ended.state).inc(1, which)
        if ended.finished_at is None or ended.dry_run:
            return
        self._last.labels(*where, ended.state).set(ended.finished_at.timestamp())
        if ended.started_at is not None:
            seconds = (ended.finished_at - ended.started_at).total_seconds()
            self._duration.labels(*where, ended.state).observe(seconds, which)
        if ended.gap_seconds is not None:
            self._gap.labels(*where).observe(ended.gap_seconds, which)
        if ended.state is State.SUCCEEDED and ended.received_at is not None:
            self._lead.labels(*where).observe(
                (ended.finished_at - ended.received_at).total_seconds(), which
            )

    def step_ended(self, step: str, seconds: float) -> None:
        """Times one step of a deployment."""
        self._step.labels(step).observe(seconds)

    def rolled_back(self, target: str, host: str, reason: RollbackReason) -> None:
        """Counts one rollback."""
        self._rollbacks.labels(target, host, reason).inc()

    def recovered(self, target: str, host: str, seconds: float) -> None:
        """Times the way from the first failure to the next success."""
        self._recovery.labels(target, host).observe(seconds)

    def lease_lost(self, host: str) -> None:
        """Counts an engine lost to another worker."""
        self._lease_lost.labels(host).inc()

    def worker_up(self, host: str, up: bool) -> None:
        """Says whether the worker of this host acts."""
        self._worker_up.labels(host).set(up)
        self._lease_lost.labels(host)

    def worker_forgotten(self, host: str) -> None:
        """Says nothing more of a worker, where another process may have one for the same host."""
        self._worker_up.remove(host)

    def hosts_seen(self, hosts: Iterable[str], alive: Collection[str], own: str | None) -> None:
        """Says which hosts are up, as Redis knows it; series of those that were forgotten go.

        `own` is the host whose worker is in this process: it speaks for itself.
        """
        seen = frozenset(hosts) - {own}
        for gone in self._hosts - seen:
            self._worker_up.remove(gone)
        for host in seen:
            self._worker_up.labels(host).set(host in alive)
        self._hosts = seen

    def redis_up(self, up: bool) -> None:
        """Says whether Redis answers."""
        self._redis_up.set(up)

    def redis_durable(self, durable: bool) -> None:
        """Says whether Redis keeps what it acknowledged."""
        self._redis_durable.set(durable)

    def config_loaded(self, successful: bool, timestamp: float | None = None) -> None:
        """Says whether the newest configuration is in force, and since when."""
        self._reload_ok.set(successful)
        if timestamp is not None:
            self._reload_at.set(timestamp)

    def targets_seen(self, views: Iterable[TargetView], host: str) -> None:
        """Replaces what is shown of all targets of a host; series of others of its and of old
        digests go.
        """
        seen: dict[tuple[str, str], tuple[str, ...]] = {}
        for view in views:
            where = (view.name, view.host)
            seen[where] = (*where, view.driver, view.image, view.tag or "", view.digest or "")
            self._healthy.labels(*where).set(view.health in ("healthy", "running"))
            last = view.last_deployment
            if last is not None and last.finished_at is not None:
                # Known again after a restart, so that an alert on it goes on.
                self._last.labels(*where, last.state).set(last.finished_at.timestamp())
        known = {where: labels for where, labels in self._infos.items() if where[1] == host}
        for where, labels in known.items():
            if seen.get(where) != labels:
                self._info.remove(*labels)
            if where not in seen:
                self._healthy.remove(*where)
        for labels in seen.values():
            self._info.labels(*labels).set(1)
        self._infos = {where: self._infos[where] for where in self._infos.keys() - known} | seen

    def watch_queue(self, queue: Callable[[], dict[str, tuple[int, float]]]) -> None:
        """Shows depth and age of each host's queue, read from memory at every scrape."""
        self.registry.register(_QueueCollector(queue))


class _QueueCollector(Collector):
    def __init__(self, queue: Callable[[], dict[str, tuple[int, float]]]) -> None:
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        depth = GaugeMetricFamily(
            "listener_queue_depth", "Deployments and pushes that wait.", labels=["host"]
        )
        oldest = GaugeMetricFamily(
            "listener_queue_oldest_seconds", "Age of the oldest that waits.", labels=["host"]
        )
        for host, (waiting, seconds) in self._queue().items():
            depth.add_metric([host], waiting)
            oldest.add_metric([host], seconds)
        return (depth, oldest)
