"""The listener replaces its own container, through a helper, and comes back if that was wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from stories import history, length

from lab.contained import APP, Contained
from lab.events import Events
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import LABEL, EngineTrouble
from listener.demo.waiting import wait_for
from listener.demo.world import World

# A slow machine starts three interpreters for each of these.
pytestmark = pytest.mark.timeout(900)
_LONG = 400
# It begins again, or takes its new configuration: until then it knows no target.
_NOT_YET = (OSError, AssertionError)


@pytest.fixture
def contained(make_world: Callable[..., World]) -> Iterator[Contained]:
    """A listener in a container, that may replace itself; not yet run."""
    defaults = {"health": {"settle": "2s", "timeout": "90s"}, "debounce": "200ms"}
    made = Contained(make_world(settings={"defaults": defaults, "self_update": True}))
    yield made
    print(f"--- the listener said\n{made.logs()}")
    assert not _helpers(made.world), "a helper was left"


def test_a_push_of_its_own_image_replaces_it(contained: Contained) -> None:
    world = contained.world
    contained.begin("web")
    before = world.container(APP)["Id"]

    digest = contained.push("2")
    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)

    assert done["state"] == "succeeded", done
    assert contained.version == "2"
    assert world.container(APP)["Id"] != before
    assert history(world, APP) == ["succeeded"]
    assert not world.leftovers(APP)
    assert done["gap_seconds"] <= length(done, "cutover")
    assert "own container" in _step(done, "plan")["detail"]
    assert _deploys(world, "web", "2") == "succeeded"


def test_it_replaces_itself_again_and_again(contained: Contained) -> None:
    contained.begin()
    for version in ("2", "3"):
        digest = contained.push(version)
        done = contained.world.listener.deployment_of(contained.name, digest, timeout=_LONG)
        assert (done["state"], contained.version) == ("succeeded", version)


@pytest.mark.parametrize(
    ("sick", "because", "last_words"),
    [
        # It may be unhealthy before it has said anything.
        ({"check": ("-c", "raise SystemExit('not well')")}, "not well", ""),
        (
            {"entrypoint": ("-c", "raise SystemExit('no such column')")},
            "restarts",
            "no such column",
        ),
    ],
    ids=["unhealthy", "exits"],
)
def test_a_sick_version_of_itself_is_taken_back(
    contained: Contained, sick: dict[str, tuple[str, ...]], because: str, last_words: str
) -> None:
    world = contained.world
    contained.begin("web")
    before = world.container(APP)["Id"]

    digest = contained.push("2", **sick)
    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)

    assert done["state"] == "rolled_back", done
    assert because in done["reason"]
    logs = world.listener.api(f"deployments/{done['id']}")["logs"]
    assert last_words in "\n".join(logs)
    assert world.container(APP)["Id"] == before
    assert world.container(APP)["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert not world.leftovers(APP)
    assert _deploys(world, "web", "2") == "succeeded"


def test_what_it_deploys_at_that_moment_ends_first(contained: Contained) -> None:
    world = contained.world
    contained.begin("web")

    slow = Release("2", Behaviour.SLOW, seconds=6, check=Check(start_period=30))
    other = world.push("web", slow)
    wait_for(lambda: _state(world, "web") in ("swapping", "watching"), "web is being deployed")
    digest = contained.push("2")

    mine = world.listener.deployment_of(contained.name, digest, timeout=_LONG)
    theirs = world.listener.deployment_of(world.name("web"), other)
    assert (mine["state"], theirs["state"]) == ("succeeded", "succeeded")
    assert theirs["finished_at"] < _step(mine, "create")["started_at"]
    assert len(theirs["steps"]) == len({step["name"] for step in theirs["steps"]})


@pytest.mark.parametrize("mark", ["new", "old"])
def test_a_helper_that_is_killed_goes_on(contained: Contained, mark: str) -> None:
    world = contained.world
    contained.begin()

    with _killed_helper(world, mark):
        digest = contained.push("2")

    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)
    assert done["state"] == "succeeded", done
    assert contained.version == "2"
    assert not world.leftovers(APP)


def test_a_helper_that_is_killed_on_the_way_back_goes_on(contained: Contained) -> None:
    world = contained.world
    contained.begin()

    with _killed_helper(world, "bad"):
        digest = contained.push("2", check=("-c", "raise SystemExit('not well')"))

    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)
    assert done["state"] == "rolled_back", done
    assert contained.version == "1"
    assert not world.leftovers(APP)


def test_a_helper_that_dies_each_time_takes_it_back(contained: Contained) -> None:
    world = contained.world
    contained.begin(env={"LISTENER_FAULT": "stopping"})

    digest = contained.push("2")
    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)

    assert done["state"] == "failed", done
    assert "the helper was killed 3 times" in done["reason"]
    assert contained.version == "1"
    assert not world.leftovers(APP)


@pytest.mark.parametrize("fault", ["helper-created", "helper-started"])
def test_a_kill_around_the_helpers_start_loses_nothing(contained: Contained, fault: str) -> None:
    world = contained.world
    contained.begin(env={"LISTENER_FAULT": fault})

    digest = contained.push("2")
    done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)

    assert done["state"] == "succeeded", done
    assert contained.version == "2"
    assert not world.leftovers(APP)


def test_a_helper_that_was_removed_leaves_the_old_one(contained: Contained) -> None:
    world = contained.world
    contained.begin()
    contained.push("2", check=("-c", "import time; time.sleep(15); raise SystemExit('not well')"))
    wait_for(lambda: contained.version == "2", "the new one runs", timeout=_LONG)
    world.engine.docker("rm", "-f", helper_of(world))

    # Nobody takes it back now: the new one runs, so it is what stays.
    wait_for(lambda: history(world, APP) == ["succeeded"], "it ends", timeout=_LONG)
    assert contained.version == "2"
    assert not world.leftovers(APP)


def test_a_second_helper_is_refused(contained: Contained) -> None:
    world = contained.world
    contained.begin()
    label = f"{LABEL}={world.session}"
    world.engine.docker("create", "--name", helper_of(world), "--label", label, world.image(APP))
    try:
        digest = contained.push("2")
        done = world.listener.deployment_of(contained.name, digest, timeout=_LONG)
    finally:
        world.engine.docker("rm", helper_of(world))
    assert done["state"] == "failed"
    assert done["reason"] == f"another container has the name {helper_of(world)}"
    assert contained.version == "1"
    assert not world.leftovers(APP)


def test_the_helper_tells_where_its_redis_lost_everything(contained: Contained) -> None:
    world = contained.world
    contained.begin()
    contained.push("2")
    wait_for(lambda: contained.version == "2", "the new one runs", timeout=_LONG)
    world.listener.state.rename(world.directory / "lost")
    # A restart within the time that it has to prove itself is a reason to take it back.
    os.kill(world.container(APP)["State"]["Pid"], signal.SIGKILL)

    wait_for(
        lambda: history(world, APP) == ["rolled_back"],
        "it is told",
        timeout=_LONG,
        forgive=_NOT_YET,
    )
    assert contained.version == "1"
    assert not world.leftovers(APP)
    assert _deploys_itself(contained, "3") == "succeeded"


def test_without_the_setting_it_refuses_to_replace_itself(
    make_world: Callable[..., World],
) -> None:
    contained = Contained(make_world())
    contained.push("1")
    contained.run()
    world = contained.world
    shown = wait_for(lambda: _first_target(world), "it sees itself")
    assert shown["state"] == "invalid"
    assert "this program itself" in shown["reason"]
    assert "self_update: true" in shown["reason"]


def test_what_it_relies_on_is_replaced_only_by_name(world: World) -> None:
    """A registry with a label for all containers must not be cut off from under a pull."""
    world.push("web", Release("1"))
    url = world.run("web")
    world.listener.settings["registries"][url.split("/")[2]] = {"insecure": True}
    world.listener.write()
    world.listener.start()
    shown = wait_for(lambda: _first_target(world), "it is seen")
    assert shown["state"] == "invalid"
    assert "the registry, which this program relies on" in shown["reason"]

    world.listener.settings["targets"] = {"web": {"container": world.name("web")}}
    world.listener.write()
    wait_for(
        lambda: world.listener.target("web")["state"] == "idle",
        "it is a target by name",
        forgive=_NOT_YET,
    )


def _first_target(world: World) -> dict[str, str] | None:
    return next(iter(world.listener.api("targets")["targets"]), None)


def _deploys(world: World, app: str, version: str) -> str:
    digest = world.push(app, Release(version))
    return str(world.listener.deployment_of(world.name(app), digest)["state"])


def _deploys_itself(contained: Contained, version: str) -> str:
    digest = contained.push(version)
    done = contained.world.listener.deployment_of(contained.name, digest, timeout=_LONG)
    return str(done["state"])


def _step(deployment: dict[str, object], name: str) -> dict[str, str]:
    steps = deployment["steps"]
    assert isinstance(steps, list)
    return next(step for step in steps if step["name"] == name)


def _state(world: World, app: str) -> str:
    found = world.listener.deployments(world.name(app))
    return str(found[0]["state"]) if found else ""


def helper_of(world: World) -> str:
    """The helper that replaces the world's listener."""
    return f"listener-helper-{world.name(APP)}"


def _helpers(world: World) -> list[str]:
    return [name for name in world.engine.containers(world.session) if name == helper_of(world)]


@contextmanager
def _killed_helper(world: World, mark: str) -> Iterator[None]:
    """SIGKILL to the helper after this block, as soon as a container has the name with `mark`."""
    named = f"{world.name(APP)}.{mark}-"
    with Events(world.engine, world.directory / "events", "{{.Actor.Attributes.name}}") as events:
        yield
        wait_for(
            lambda: any(name.startswith(named) for name in events.lines()),
            f"a container is called {named}…",
            timeout=_LONG,
            every=0.01,
        )
        try:
            pid = world.engine.inspect(helper_of(world))["State"]["Pid"]
        except EngineTrouble:
            pid = 0
    assert pid, "the helper had ended before it could be killed"
    os.kill(pid, signal.SIGKILL)
