"""What the levels that need real parts share: an engine for the session, a world for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from lab.cluster import Cluster
from lab.redis_server import RedisServer
from lab.swarm import Swarm
from listener.demo.engine import Engine, find_engine
from listener.demo.registry import Registry
from listener.demo.world import World

# How long an example takes is the machine's business; `bench/` measures.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

MakeWorld = Callable[..., World]
MakeCluster = Callable[..., Cluster]

_failed = pytest.StashKey[bool]()


# Files whose tests share something big: they run one after the other on one worker. The groups of
# pytest-xdist 3.8 would say it by a mark, but pytest 9 takes no notice of how they rename tests.
_SHARING = {"test_faults_health", "test_swarm", "test_kill_swarm", "test_many_hosts"}


class _ByWorld(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if Path(file).stem in _SHARING else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Which test is run by which worker."""
    return _ByWorld(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers whether a test failed, for what its fixtures then show."""
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine of this machine, or one of our own where none runs."""
    found = find_engine()
    yield found
    found.stop()


@pytest.fixture
def make_world(
    engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[MakeWorld]:
    """Makes worlds with settings of the test's choice; all are removed after the test."""
    worlds: list[World] = []
    with ExitStack() as stack:

        def make(**options: Any) -> World:
            directory = tmp_path / f"w{len(worlds)}"
            directory.mkdir()
            world = World(engine, directory, **options)
            worlds.append(world)
            return stack.enter_context(world)

        yield make
        if request.node.stash.get(_failed, False):
            for world in worlds:
                print(f"--- the listener of {world.session} said\n{world.listener.logs()[-20000:]}")


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world as it comes: registry running, listener not yet started."""
    return make_world()


@pytest.fixture(scope="session")
def swarm() -> Iterator[Swarm]:
    """Three engines that are one swarm; the files whose tests use it are named above."""
    if os.geteuid() != 0:
        pytest.skip("only root can start the engines of a swarm")
    with Swarm() as running:
        yield running


@pytest.fixture
def make_cluster(
    swarm: Swarm, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[MakeCluster]:
    """Makes worlds of services, with quick verdicts; all are removed after the test."""
    with ExitStack() as stack:
        made: list[Cluster] = []

        def make(**options: Any) -> Cluster:
            health = {"settle": "1s", "timeout": "60s"}
            given = {"defaults": {"health": health, "debounce": "200ms"}}
            given |= options.pop("settings", {})
            made.append(Cluster(swarm, tmp_path, settings=given, **options))
            stack.enter_context(made[-1])
            return made[-1]

        yield make
        if request.node.stash.get(_failed, False):
            for one in made:
                print(f"--- the listener of {one.session} said\n{one.listener.logs()[-20000:]}")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry of its own that notifies nobody."""
    with Registry(tmp_path) as running:
        yield running


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server of its own, durable."""
    with RedisServer(tmp_path) as running:
        yield running
