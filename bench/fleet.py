"""Many hosts on one Redis: what a push costs it, what idle hosts do, how much memory is held.

The hosts are simulated in this process: each makes the calls of a worker, by the worker's own code
for lease, stream, lanes and views, on connections of its own; only the engine is missing. For very
many hosts one connection makes the calls of all. What is measured is Redis' own processor time, so
that our slowness does not count. `FLEET_HOSTS=1000` simulates up to so many hosts, and holds
100,000 pushes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import structlog

from bench.chorus import Chorus
from bench.figure import Figure
from bench.simulated_host import SimulatedHost, a_delivery, a_push
from lab.redis_server import RedisServer
from listener.store import Archive, Fleet, PushLog, Store, connect

_LONE, _FLOOD = 10, 200
_CHORUS = (100, 1000)
_IDLE_SECONDS = 10.0
_TARGETS = 5
_BATCH = 500


@dataclass(frozen=True)
class Cost:
    """What Redis did between two looks at it; processor time in seconds."""

    cpu: float
    commands: int
    sent: int
    seconds: float
    memory: int

    @classmethod
    async def now(cls, store: Store) -> Self:
        """All since its start; `memory` is what it holds now, in bytes."""
        text = "".join([str(await store.call("INFO", part)) for part in ("cpu", "stats", "memory")])
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return cls(
            cpu=float(facts["used_cpu_user"]) + float(facts["used_cpu_sys"]),
            commands=int(facts["total_commands_processed"]),
            sent=int(facts["total_net_output_bytes"]),
            seconds=time.monotonic(),
            memory=int(facts["used_memory"]),
        )

    def since(self, before: Cost) -> Cost:
        """The difference."""
        return Cost(
            self.cpu - before.cpu,
            self.commands - before.commands,
            self.sent - before.sent,
            self.seconds - before.seconds,
            self.memory - before.memory,
        )


@dataclass(frozen=True)
class Point:
    """One row: so many hosts with so many targets each; microseconds of Redis for each push."""

    hosts: int
    targets: int
    lone: float
    flood: float
    sent: float
    idle_share: float
    idle_commands: float
    observed: float
    per_host: float

    def line(self) -> str:
        """The row of the table."""
        return (
            f"     {self.hosts:>6} {self.targets:>7} {self.lone / 1000:>10.2f} "
            f"{self.flood / 1000:>10.2f} {self.sent / 1000:>9.0f} {self.idle_share * 100:>8.2f} "
            f"{self.idle_commands:>8.2f} {self.observed * 1000:>9.0f} {self.per_host / 1000:>8.1f}"
        )


Item = TypeVar("Item")
_HEADER = (
    "     hosts targets  ms/push   ms/push   kB/push  idle %  idle calls  look ms  kB/host\n"
    "                    (lone)   (flood)   (all)   of core  /s and host (serve)  (Redis)"
)
_CHORUS_HEADER = "     hosts, their calls made by one connection"


def measure(directory: Path) -> list[Figure]:
    """Prints the table; the figures say that the cost for each host does not grow with them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    most = int(os.environ.get("FLEET_HOSTS", "50"))
    print(_HEADER, flush=True)
    for size in (size for size in (10, 50, 200, 500, 1000) if size <= most):
        last = _run(directory / str(size), size, _TARGETS)
        print(last.line(), flush=True)
    print(_CHORUS_HEADER, flush=True)
    few, many = (_sing(directory / f"chorus-{size}", size) for size in _CHORUS)
    held = directory / "held"
    held.mkdir()
    memory, deployment = asyncio.run(_held(held, 100_000 if most >= 1000 else 20_000))
    growth = (many / _CHORUS[1]) / (few / _CHORUS[0])
    facts = f"{_CHORUS[0]} → {_CHORUS[1]} hosts"
    idle = f"{last.hosts} hosts; Redis used {last.idle_share * 100:.1f} % of a core"
    steps = "its record, twelve steps, journal and end"
    return [
        Figure("fleet: cost of a push and host, many over few", growth, "", facts, most=1.5),
        Figure("fleet: calls of an idle host", last.idle_commands, "/s", idle, most=6),
        Figure("fleet: memory of a push", memory / 1000, "kB", "with delivery and key", most=2),
        Figure("fleet: Redis' time for a deployment", deployment * 1000, "ms", steps, most=50),
    ]


def _sing(directory: Path, size: int) -> float:
    directory.mkdir()
    with RedisServer(directory) as server:
        return asyncio.run(_chorus(server.url, size))


async def _chorus(url: str, size: int) -> float:
    """Prints a row; answers Redis' seconds for each push of a flood."""
    store = await connect(url)
    chorus = Chorus(store, size)
    await chorus.begin()
    costs = []
    for count, at_once in ((_LONE, 1), (_FLOOD, 50)):
        before = await Cost.now(store)
        for some in _by([a_push(number, 3 * size) for number in range(count)], at_once):
            await chorus.push(some)
        costs.append((await Cost.now(store)).since(before))
    await store.close()
    lone, flood = costs[0].cpu / _LONE, costs[1].cpu / _FLOOD
    sent = costs[1].sent / _FLOOD / 1000
    print(f"     {size:>6} {lone * 1000:>18.2f} {flood * 1000:>10.2f} {sent:>9.0f}", flush=True)
    return flood


def _run(directory: Path, hosts: int, targets: int) -> Point:
    directory.mkdir()
    settings = ("--maxclients", "20000")
    with RedisServer(directory, settings=settings) as server:
        return asyncio.run(_point(server.url, hosts, targets))


async def _point(url: str, size: int, targets: int) -> Point:
    async with AsyncExitStack() as stack:
        store = await connect(url)
        stack.push_async_callback(store.close)
        log = PushLog(store)
        empty = (await Cost.now(store)).memory
        hosts = [SimulatedHost(f"h{number:04}", targets, size) for number in range(size)]
        for some in _by(hosts, 50):
            await asyncio.gather(*(host.begin(url, stack) for host in some))
        await asyncio.sleep(2)  # all have made their groups and block
        per_host = ((await Cost.now(store)).memory - empty) / size
        before = await Cost.now(store)
        await asyncio.sleep(_IDLE_SECONDS)
        idle = (await Cost.now(store)).since(before)
        lone = await _push(store, log, hosts, _LONE, 1)
        flood = await _push(store, log, hosts, _FLOOD, _BATCH)
        observed = await _look(store)
        await asyncio.gather(*(host.end() for host in hosts))
    share = idle.cpu / idle.seconds
    calls = idle.commands / idle.seconds
    return Point(
        hosts=size,
        targets=targets,
        lone=_net(lone, share) / _LONE * 1e6,
        flood=_net(flood, share) / _FLOOD * 1e6,
        sent=flood.sent / _FLOOD,
        idle_share=share,
        idle_commands=calls / size,
        observed=observed,
        per_host=per_host,
    )


def _net(cost: Cost, idle: float) -> float:
    """What Redis did beyond what it does all the time."""
    return max(0.0, cost.cpu - idle * cost.seconds)


async def _push(
    store: Store, log: PushLog, hosts: Sequence[SimulatedHost], count: int, at_once: int
) -> Cost:
    """Pushes, and waits until each host has taken all."""
    before = await Cost.now(store)
    goal = hosts[0].taken
    pushes = [a_push(number, len(hosts) * hosts[0].targets) for number in range(count)]
    for some in _by(pushes, at_once):
        await log.append([(push, push.id) for push in some])
        goal += len(some)
        while any(host.taken < goal for host in hosts):  # noqa: ASYNC110 - they must not tell us
            await asyncio.sleep(0.02)
    return (await Cost.now(store)).since(before)


async def _look(store: Store) -> float:
    """Seconds that `serve` needs for its regular look at all hosts."""
    archive, fleet = Archive(store), Fleet(store)
    began = time.monotonic()
    await archive.targets()
    await archive.queue()
    await fleet.alive(await archive.hosts())
    return time.monotonic() - began


async def _held(directory: Path, pushes: int) -> tuple[float, float]:
    """Bytes of Redis for each push that is held, its seconds for each deployment."""
    with RedisServer(directory) as server:
        store = await connect(server.url)
        log = PushLog(store)
        before = await Cost.now(store)
        for numbers in _by(range(pushes), _BATCH):
            some = [a_push(number, 1000) for number in numbers]
            deliveries = [(a_delivery(push), 1) for push in some]
            await log.append([(push, push.id) for push in some], deliveries)
        held = (await Cost.now(store)).since(before)
        async with AsyncExitStack() as stack:
            host = SimulatedHost("h0", 5, 1)
            await host.begin(server.url, stack, reads=False)
            before = await Cost.now(store)
            for _ in range(100):
                await host.deploy()
            spent = (await Cost.now(store)).since(before)
            await host.end()
        await store.close()
    return held.memory / pushes, spent.cpu / 100


def _by(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
