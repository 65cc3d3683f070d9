"""Every way in which a new version can be sick, and the proofs that a good one gives.

All of them are pushed side by side in one world, since most of the time is spent waiting; each
row below then asks for its own evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from stories import listen

from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import Engine
from listener.demo.waiting import wait_for
from listener.demo.world import World


@dataclass(frozen=True)
class Row:
    """One target, the version that is pushed to it, and what its deployment must say."""

    app: str
    release: Release
    says: str
    """A part of the reason."""
    metric: str = ""
    """The `reason` of listener_rollbacks_total."""
    labels: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    restart: str = "unless-stopped"


CHECK = Check()
NO_CHECK: None = None


def sick(behaviour: Behaviour, seconds: int = 2, check: Check | None = CHECK) -> Release:
    """Version 2, which is not well."""
    return Release("2", behaviour, seconds, check)


SHORT = {"listener.health.timeout": "20s"}
LONG_SETTLE = {"listener.health.settle": "20s"}
LONGER_SETTLE = {"listener.health.settle": "60s"}

SICK = [
    Row("missing", sick(Behaviour.MISSING), "/app/absent", "start_error"),
    Row("exits", sick(Behaviour.EXITS), "exited with code 3", "exited", restart="no"),
    Row("loops", sick(Behaviour.EXITS), "restarts in a loop", "exited", restart="always"),
    Row("dies", sick(Behaviour.DIES), "exited with code 4", "exited", LONG_SETTLE, restart="no"),
    Row("dies-again", sick(Behaviour.DIES), "restarts in a loop", "exited", LONG_SETTLE),
    Row(
        "greedy",
        sick(Behaviour.GREEDY, check=NO_CHECK),
        "ran out of memory",
        "exited",
        options=("--memory", "24m", "--memory-swap", "24m"),
        restart="no",
    ),
    Row("sick", sick(Behaviour.SICK), "last probe said check failed: no conn", "unhealthy"),
    Row(
        "hangs",
        # Engine 20.10 never answers again for a container whose check it could not even start
        # within the timeout: on a busy machine that takes longer than a second.
        sick(Behaviour.HANGS),
        "Health check exceeded timeout",
        "unhealthy",
    ),
    Row(
        "never",
        sick(Behaviour.SICK, check=Check(retries=99)),
        "not healthy within 20 s: last probe said check failed: no connection to the database",
        "unhealthy",
        SHORT,
    ),
    Row(
        "turns",
        sick(Behaviour.TURNS, 15, Check(retries=2)),
        "last probe said check failed: queue is full",
        "unhealthy",
        LONGER_SETTLE,
    ),
    Row(
        "bad-http",
        sick(Behaviour.SICK, check=NO_CHECK),
        "HTTP 500 check failed: no connection to the database",
        "unhealthy",
        {**SHORT, "listener.health.http": "http://:8000/cgi-bin/ready"},
    ),
    Row(
        "bad-tcp",
        sick(Behaviour.SLOW, 600, NO_CHECK),
        "Connection refused",
        "unhealthy",
        {**SHORT, "listener.health.tcp": ":8000"},
    ),
    Row(
        "bad-exec",
        sick(Behaviour.SICK, check=NO_CHECK),
        "exit code 1 check failed: no connection to the database",
        "unhealthy",
        {**SHORT, "listener.health.exec": "/app/check"},
    ),
    Row(
        "turning-http",
        sick(Behaviour.TURNS, 15, NO_CHECK),
        "probe failed 3 times in a row after it had passed: last probe said HTTP 500",
        "unhealthy",
        {**LONGER_SETTLE, "listener.health.http": "http://:8000/cgi-bin/ready"},
    ),
]

GOOD = [
    Row("no-check", Release("2", check=NO_CHECK), "healthy"),
    Row("slow", sick(Behaviour.SLOW, 2, Check(retries=30)), "healthy"),
    Row(
        "good-http",
        Release("2", check=NO_CHECK),
        "healthy",
        labels={"listener.health.http": "http://:8000/cgi-bin/ready"},
    ),
    Row(
        "good-tcp", Release("2", check=NO_CHECK), "healthy", labels={"listener.health.tcp": ":8000"}
    ),
    Row(
        "good-exec",
        Release("2", check=NO_CHECK),
        "healthy",
        labels={"listener.health.exec": '["/app/check"]'},
    ),
]


@dataclass(frozen=True)
class Told:
    """What became of one row."""

    deployment: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    answers: str


@pytest.fixture(scope="module")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = {"concurrency": len(SICK) + len(GOOD)}
    with World(engine, tmp_path_factory.mktemp("sick"), settings=settings) as made:
        yield made


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, Told]:
    """Version 1 of every row runs, version 2 of every row is pushed and has come to its end."""
    rows = [*SICK, *GOOD]
    urls, before = {}, {}
    for row in rows:
        world.push(row.app, Release("1"))
        urls[row.app] = world.run(row.app, *row.options, labels=row.labels, restart=row.restart)
    for row in rows:
        world.wait_answer(urls[row.app], "1")
        before[row.app] = world.container(row.app)
    listen(world, *before)
    digests = {row.app: world.push(row.app, row.release) for row in rows}
    found = {}
    for row in rows:
        name = world.name(row.app)
        # An engine that pulls twenty images at once may let one of them hang; after two minutes
        # without a word the pull is begun again.
        deployment = world.listener.deployment_of(name, digests[row.app])
        answers = world.answer(urls[row.app])
        found[row.app] = Told(deployment, before[row.app], world.container(row.app), answers)
    return found


def apps(rows: list[Row]) -> Any:
    """The parametrisation of a test by rows."""
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.app)


@apps(SICK)
def test_a_sick_version_is_taken_back_with_its_evidence(
    world: World, told: dict[str, Told], row: Row
) -> None:
    after = told[row.app].after
    before = told[row.app].before
    deployment = told[row.app].deployment
    assert deployment["state"] == "rolled_back", deployment["reason"]
    assert row.says in deployment["reason"]

    # The very container that ran before answers, and has its own restart policy again.
    assert told[row.app].answers == "1"
    assert after["Id"] == before["Id"]
    assert after["State"]["Running"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert world.leftovers(row.app) == []

    # The local tag means what runs, or the next `compose up` would bring the sick one.
    tag = world.engine.docker("image", "inspect", "-f", "{{.Id}}", world.image(row.app))
    assert tag == before["Image"]

    target = {"target": world.name(row.app), "host": world.session}
    counted = world.listener.metric("listener_rollbacks_total", reason=row.metric, **target)
    assert counted == 1
    assert world.listener.metric("listener_rollbacks_total", **target) == 1
    assert world.listener.metric("listener_deployments_total", state="rolled_back", **target) == 1


@apps(GOOD)
def test_a_good_version_stays(world: World, told: dict[str, Told], row: Row) -> None:
    deployment = told[row.app].deployment
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert row.says in deployment["reason"]
    assert told[row.app].answers == "2"
    assert told[row.app].after["Id"] != told[row.app].before["Id"]
    assert world.leftovers(row.app) == []


def test_without_any_check_it_has_to_run_for_ten_seconds(told: dict[str, Told]) -> None:
    (watched,) = (s for s in told["no-check"].deployment["steps"] if s["name"] == "watch")
    (seconds,) = re.findall(r"healthy since ([\d.]+) s", watched["detail"])
    assert float(seconds) >= 10


def test_the_last_lines_of_a_version_that_ended_are_kept(
    world: World, told: dict[str, Told]
) -> None:
    shown = world.listener.api(f"deployments/{told['exits'].deployment['id']}")
    assert "no such table: users" in str(shown)
    said = world.listener.cli("show", told["exits"].deployment["id"])
    assert "no such table: users" in said.stdout


def test_a_sick_version_is_shown_where_people_look(world: World, told: dict[str, Told]) -> None:
    name = world.name("sick")

    def seen() -> bool:
        last = world.listener.target(name)["last_deployment"]
        return bool(last and last["state"] == "rolled_back")

    wait_for(seen, "the target shows its last deployment")
    assert "no connection to the database" in world.listener.cli("history", name).stdout
    running = told["sick"].before["Image"]
    assert world.listener.target(name)["digest"] != told["sick"].deployment["to_digest"]
    assert world.container("sick")["Image"] == running


def test_a_looping_version_is_replaced_by_a_good_one(
    make_world: Callable[..., World],
) -> None:
    # The engine cannot rename a container just between two tries of its restart loop; four of
    # them make it likely that one is hit.
    world = make_world()
    looping = [f"web{number}" for number in range(4)]
    urls = {}
    for app in looping:
        world.push(app, Release("1", Behaviour.EXITS))
        urls[app] = world.run(app, restart="always")
    listen(world, *looping)
    digests = {app: world.push(app, Release("2")) for app in looping}
    for app in looping:
        deployment = world.listener.deployment_of(world.name(app), digests[app])
        assert deployment["state"] == "succeeded", deployment["reason"]
        world.wait_answer(urls[app], "2")
        assert world.leftovers(app) == []

    # And the other way round.
    sick = world.push("web0", Release("3", Behaviour.EXITS))
    assert world.listener.deployment_of(world.name("web0"), sick)["state"] == "rolled_back"
    world.wait_answer(urls["web0"], "2")
