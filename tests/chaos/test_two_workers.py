"""Two workers for one engine: one acts. One that was stopped or cut off does nothing late."""

from __future__ import annotations

import signal
from typing import Any

from lab.redis_server import RedisServer
from lab.wire import Wire
from listener.demo import http
from listener.demo.app import Behaviour, Check, Release
from listener.demo.listener import Listener
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.conftest import MakeWorld


def untouched(world: World) -> dict[str, Any]:
    """All that the engine says of the container, but what its own health checks change."""
    said = world.container("web")
    said["State"].pop("Health", None)
    said.pop("ExecIDs", None)
    return said


def has_given_up_its_name(world: World) -> bool:
    """Whether the container that ran before stands beside the target."""
    parked = f"{world.name('web')}.old-"
    return any(name.startswith(parked) for name in world.leftovers("web"))


def test_a_zombie_that_wakes_up_in_its_cut_over_starts_nothing(
    make_world: MakeWorld, redis_server: RedisServer
) -> None:
    # One process receives, two stand ready to work; only one of these acts.
    world = make_world(settings={"redis": redis_server.url}, verb="serve")
    filled = ("listen", "admin", "state_dir")
    settings = {key: value for key, value in world.listener.settings.items() if key not in filled}
    first = Listener(world.directory / "first", settings, verb="work")
    second = Listener(world.directory / "second", settings, verb="work")
    try:
        first.start()
        second.start(ready=False)
        wait_for(lambda: "works for engine" in second.logs(), "the second one stands by")

        # Version 1 ignores SIGTERM: the cut-over waits ten seconds for the engine to stop it.
        url = world.begin("web", Release("1", Behaviour.STUBBORN))
        digest = world.push("web", Release("2"))
        wait_for(lambda: has_given_up_its_name(world), "version 1 has given up its name")
        first.signal(signal.SIGSTOP)
        try:
            done = world.listener.deployment_of(world.name("web"), digest, timeout=90)
            assert done["state"] == "succeeded"
            after = untouched(world)
        finally:
            first.signal(signal.SIGCONT)
        wait_for(lambda: "lease lost" in first.logs(), "the first one gives up")
        assert first.metric("listener_lease_lost_total", host=world.session) == 1
        assert second.metric("listener_lease_lost_total", host=world.session) == 0
        assert untouched(world) == after
        world.wait_answer(url, "2")
        assert world.leftovers("web") == []

        # Nor does it take the next push from the other one, which goes on working.
        before = first.metric("listener_deployments_total")
        world.push("web", Release("3"))
        world.wait_answer(url, "3")
        world.listener.quiet()
        assert first.metric("listener_deployments_total") == before
    finally:
        second.stop()
        first.stop()


def test_a_zombie_does_nothing(make_world: MakeWorld, redis_server: RedisServer) -> None:
    world = make_world(settings={"redis": redis_server.url})
    url = world.begin("web")

    # A second worker for the same engine stands by.
    settings = {
        name: value
        for name, value in world.listener.settings.items()
        if name not in ("listen", "admin", "state_dir", "hooks")
    }
    standby = Listener(world.directory / "standby", settings, verb="work")
    standby.start(ready=False)
    try:
        wait_for(lambda: "works for engine" in standby.logs(), "the second one stands by")

        # The first one is stopped in the middle of a deployment, longer than its lease lasts.
        slow = Release("2", Behaviour.SLOW, seconds=6, check=Check(start_period=30))
        digest = world.push("web", slow)
        wait_for(
            lambda: any(one["state"] == "watching" for one in world.listener.deployments()),
            "version 2 is being watched",
        )
        world.listener.signal(signal.SIGSTOP)
        try:
            wait_for(
                lambda: "going on with an interrupted deployment" in standby.logs(),
                "the second one goes on",
                timeout=40,
            )
            world.wait_answer(url, "2")
            wait_for(lambda: '"succeeded"' in standby.logs(), "the second one ends it", timeout=40)
            after = world.container("web")
        finally:
            world.listener.signal(signal.SIGCONT)

        # It wakes up, sees that it lost the engine, and touches nothing.
        wait_for(lambda: "lease lost" in world.listener.logs(), "the first one gives up")
        host = world.session
        assert world.listener.metric("listener_lease_lost_total", host=host) == 1
        assert world.listener.deployment_of(world.name("web"), digest)["state"] == "succeeded"
        assert world.container("web")["Id"] == after["Id"]
        assert world.container("web")["State"]["StartedAt"] == after["State"]["StartedAt"]
        assert world.leftovers("web") == []
    finally:
        standby.stop()


def test_a_worker_that_is_cut_off_from_redis_starts_nothing(
    make_world: MakeWorld, redis_server: RedisServer
) -> None:
    world = make_world(settings={"redis": redis_server.url}, verb="serve")
    filled = ("listen", "admin", "state_dir")
    settings = {key: value for key, value in world.listener.settings.items() if key not in filled}
    with Wire(redis_server.port) as wire:
        by_wire = {**settings, "redis": f"redis://127.0.0.1:{wire.port}/0"}
        first = Listener(world.directory / "first", by_wire, verb="work")
        second = Listener(world.directory / "second", settings, verb="work")
        try:
            first.start()
            second.start(ready=False)
            wait_for(lambda: "works for engine" in second.logs(), "the second one stands by")
            # Version 1 ignores SIGTERM: the cut-over waits ten seconds for the engine to stop it.
            url = world.begin("web", Release("1", Behaviour.STUBBORN))
            digest = world.push("web", Release("2"))
            wait_for(lambda: has_given_up_its_name(world), "version 1 has given up its name")
            wire.cut()
            # It had asked to stop version 1; it may not start version 2 when that is done.
            done = world.listener.deployment_of(world.name("web"), digest, timeout=90)
            assert done["state"] == "succeeded"
            after = untouched(world)
            assert "Redis" in http.get(f"{first.admin}/readyz").text
            # What it sent into the cut wire arrives now, and is refused.
            wire.mend()
            wait_for(lambda: "lease lost" in first.logs(), "the first one gives up")
            assert first.metric("listener_deployments_total", state="succeeded") == 0
            wait_for(
                lambda: second.metric("listener_deployments_total", state="succeeded") == 1,
                "the second one counts it",
            )
            assert untouched(world) == after
            world.wait_answer(url, "2")
            assert world.leftovers("web") == []
        finally:
            second.stop()
            first.stop()
