"""Three hosts, an engine and a network of its own each: a push goes through them, whatever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from lab.fleet import APP, NAMES, Fleet
from lab.hosts import Hosts
from lab.sentinels import Sentineled
from listener.demo.app import Behaviour, Check, Release
from listener.demo.listener import FINAL
from listener.demo.waiting import wait_for

MakeFleet = Callable[..., Fleet]
ROLLOUT = {"listener.rollout.group": "web"}
WITH_ROLLBACK = {**ROLLOUT, "listener.rollout.on_failure": "rollback"}


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with Hosts(len(NAMES)) as running:
        yield running


@pytest.fixture
def make_fleet(hosts: Hosts, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeFleet]:
    fleets: list[Fleet] = []
    with ExitStack() as stack:

        def make(labels: Mapping[str, str], redis: Sentineled | None = None) -> Fleet:
            fleets.append(Fleet(hosts, tmp_path, labels, redis))
            return stack.enter_context(fleets[-1])

        yield make
        for fleet in fleets:
            for name, one in (("serve", fleet.serve), *fleet.workers.items()):
                print(f"--- {name} said\n{one.logs()[-8000:]}")


def good(version: str) -> Release:
    # Three engines at once keep a small machine busy.
    return Release(version, check=Check(timeout=10, start_period=20))


def one_after_the_other(fleet: Fleet, digest: str) -> bool:
    spans = [
        (one["started_at"], one["finished_at"]) for one in (fleet.of(digest, n) for n in NAMES)
    ]
    return all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_push_goes_through_the_hosts_in_order_whoever_is_killed(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(ROLLOUT)
    fleet.begin()
    fleet.workers["b"].stop()
    fleet.start("b", fault="watch")
    wait_for(lambda: fleet.alive() == set(NAMES), "b is back")
    digest = fleet.push(good("2"))
    wait_for(lambda: len(fleet.serve.pushes()) == 2, "the push is taken")
    fleet.serve.kill()
    # b dies in its turn, with version 2 started and not yet proven.
    fleet.workers["b"].wait(timeout=90)
    fleet.serve.start()
    wait_for(
        lambda: fleet.deployments("c")[-1]["reason"] == "rollout web: waits for web@b",
        "c waits for b",
    )
    fleet.wait_answers({"c": "1"})
    fleet.start("b")
    fleet.wait_ended(digest)

    assert [fleet.of(digest, name)["state"] for name in NAMES] == ["succeeded"] * 3
    assert one_after_the_other(fleet, digest)
    fleet.wait_answers(dict.fromkeys(NAMES, "2"))
    push = next(one for one in fleet.serve.pushes() if one["digest"] == digest)
    told = {match["host"]: match["deployment"] for match in push["matches"]}
    assert told == {name: fleet.of(digest, name)["id"] for name in NAMES}
    assert fleet.leftovers() == []


def test_a_worker_the_receiver_and_the_master_of_redis_die_in_one_rollout(
    make_fleet: MakeFleet, hosts: Hosts, tmp_path: Path
) -> None:
    redis = Sentineled(tmp_path, address=hosts.address)
    fleet = make_fleet(ROLLOUT, redis)
    fleet.begin()
    fleet.workers["b"].stop()
    fleet.start("b", fault="watch")
    digest = fleet.push(good("2"))
    wait_for(lambda: len(fleet.serve.pushes()) == 2, "the push is taken")
    redis.wait_for_replicas()
    fleet.workers["b"].wait(timeout=90)
    fleet.serve.kill()
    old = redis.master
    old.kill()
    redis.wait_for_another(old)
    fleet.serve.start()
    # The registry's own notifications find the receiver as it is now, and the new master.
    newest = fleet.push(good("3"))
    fleet.start("b")
    fleet.wait_ended(newest)
    fleet.quiet()

    for pushed in (digest, newest):
        [push] = [one for one in fleet.serve.pushes() if one["digest"] == pushed]
        led_to = {match["host"]: match["deployment"] for match in push["matches"]}
        assert sorted(led_to) == list(NAMES)
        ends = {one["id"]: one["state"] for one in fleet.deployments()}
        assert all(ends[deployment] in FINAL for deployment in led_to.values())
    # One for each push and host: the first release, and these two.
    assert [len(fleet.deployments(name)) for name in NAMES] == [3, 3, 3]
    assert [fleet.of(newest, name)["state"] for name in NAMES] == ["succeeded"] * 3
    assert one_after_the_other(fleet, newest)
    fleet.wait_answers(dict.fromkeys(NAMES, "3"))
    assert fleet.leftovers() == []


def test_where_one_host_fails_the_others_go_back(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(WITH_ROLLBACK)
    fleet.begin(more={"b": {"listener.lifecycle.after_start": "false"}})
    before = fleet.targets()[0]["digest"]
    digest = fleet.push(good("2"))
    fleet.wait_ended(digest)
    wait_for(lambda: fleet.deployments("a")[-1]["trigger"] == "rollback", "a is told to go back")
    fleet.quiet()

    assert fleet.of(digest, "a")["state"] == "succeeded"
    failed = fleet.of(digest, "b")
    assert failed["state"] == "rolled_back"
    stopped = fleet.of(digest, "c")
    assert stopped["state"] == "skipped"
    assert stopped["reason"] == f"stopped: web@b was rolled back: {failed['reason']}"
    assert stopped["started_at"] is None
    back = fleet.deployments("a")[-1]
    assert (back["state"], back["to_digest"]) == ("succeeded", before)
    assert back["cause"].startswith("rollout web was stopped: web@b was rolled back")
    fleet.wait_answers(dict.fromkeys(NAMES, "1"))
    assert fleet.leftovers() == []
    # Nobody tries it again by itself, but a person may.
    queued = fleet.serve.api(f"targets/{APP}@c/deploy", {"digest": digest})["id"]
    wait_for(
        lambda: fleet.serve.api(f"deployments/{queued}")["state"] == "succeeded",
        "c is deployed",
        timeout=120,
    )
    fleet.wait_answers({"a": "1", "b": "1", "c": "2"})


@pytest.mark.thorough
def test_a_host_that_is_cut_off_in_its_turn_goes_on_when_it_is_back(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(ROLLOUT)
    fleet.begin()
    slow = Release("2", Behaviour.SLOW, seconds=5, check=Check(timeout=10, start_period=30))
    digest = fleet.push(slow)
    wait_for(lambda: fleet.deployments("b")[-1]["state"] == "watching", "b watches", timeout=60)
    with fleet.hosts["b"].cut_off():
        wait_for(lambda: "b" not in fleet.alive(), "b is not alive", timeout=30)
        wait_for(
            lambda: fleet.serve.metric("listener_worker_up", host="b") == 0, "metrics say so too"
        )
        assert fleet.serve.metric("listener_worker_up", host="a") == 1
        wait_for(
            lambda: any(one["State"]["Running"] for one in [fleet.hosts["b"].inspect(APP)]),
            "version 2 runs on b",
        )
        # It may not be committed: what ran before is still there, and c still waits.
        assert [one for one in fleet.leftovers() if one.startswith(f"{APP}.old-")]
        assert fleet.deployments("c")[-1]["state"] == "waiting"
    fleet.wait_ended(digest)
    assert [fleet.of(digest, name)["state"] for name in NAMES] == ["succeeded"] * 3
    assert one_after_the_other(fleet, digest)
    assert fleet.leftovers() == []


@pytest.mark.thorough
def test_a_host_that_was_off_catches_up_and_one_that_is_gone_is_forgotten(
    make_fleet: MakeFleet,
) -> None:
    fleet = make_fleet(ROLLOUT)
    fleet.begin()
    fleet.workers["c"].stop()
    assert fleet.alive() == {"a", "b"}
    missed = [fleet.push(good(version)) for version in ("2", "3")]
    fleet.wait_ended(missed[-1], ("a", "b"))
    fleet.wait_answers({"a": "3", "b": "3", "c": "1"})
    fleet.start("c")
    fleet.wait_ended(missed[-1])
    fleet.wait_answers(dict.fromkeys(NAMES, "3"))
    states = [one["state"] for one in fleet.deployments("c")]
    assert states == ["skipped", "superseded", "succeeded"]

    refused = fleet.serve.cli("hosts", "--forget", "c")
    assert refused.returncode == 1
    assert "c is alive" in refused.stderr
    fleet.workers["c"].kill()
    wait_for(lambda: "c" not in fleet.alive(), "c is not alive", timeout=30)
    done = fleet.serve.cli("hosts", "--forget", "c")
    assert done.returncode == 0
    assert {host["name"] for host in fleet.serve.api("hosts")["hosts"]} == {"a", "b"}
    assert fleet.deployments("c") == []
