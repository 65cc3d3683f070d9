"""What the looks at a service and its tasks amount to."""

from __future__ import annotations

from typing import Any

import pytest

from listener.deploy.convergence import Advance, Patience, explain_task, explain_wait, hangs, look
from listener.drivers.service import Service, Task, image_name, platforms_of, with_image

OLD, NEW = "web:1@sha256:old", "web:1@sha256:new"
BEGAN = "2026-01-01T00:00:10Z"


def service(status: str | None = "updating", *, replicas: int | None = 2) -> Service:
    mode: dict[str, Any] = {"Global": {}} if replicas is None else {}
    mode = mode or {"Replicated": {"Replicas": replicas}}
    spec = {"Name": "web", "Mode": mode, "TaskTemplate": {"ContainerSpec": {"Image": NEW}}}
    update = {"State": status, "StartedAt": BEGAN} if status else None
    return Service({"ID": "s", "Spec": spec, "UpdateStatus": update})


def task(
    image: str,
    state: str = "running",
    desired: str = "running",
    *,
    at: int = 20,
    node: str = "",
    **status: Any,
) -> Task:
    return Task(
        {
            "ID": f"{image}-{state}-{at}",
            "NodeID": node,
            "CreatedAt": f"2026-01-01T00:00:{at:02}Z",
            "DesiredState": desired,
            "Spec": {"ContainerSpec": {"Image": image}},
            "Status": {"State": state, **status},
        }
    )


def test_settled_only_when_all_tasks_run_the_image_and_no_other_does() -> None:
    both = [task(NEW, at=20), task(NEW, at=21)]
    assert look(service(), both, NEW).settled
    assert not look(service(), both[:1], NEW).settled
    assert not look(service(), [task(NEW, at=20), task(NEW, "starting", at=21)], NEW).settled
    assert not look(service(), [*both, task(OLD)], NEW).settled
    # The old one may still run, told to stop.
    assert look(service(), [*both, task(OLD, desired="shutdown")], NEW).settled


def test_a_global_service_wants_what_its_nodes_want() -> None:
    seen = look(service(replicas=None), [task(NEW), task(NEW, "pending", at=21)], NEW)
    assert (seen.wanted, seen.running, seen.settled) == (2, 1, False)


def test_a_node_whose_task_waits_for_its_restart_is_not_forgotten() -> None:
    here, there = task(NEW, node="here"), task(NEW, "ready", "ready", at=21, node="there")
    seen = look(service("rollback_completed", replicas=None), [here, there], NEW)
    assert (seen.wanted, seen.running, seen.settled) == (2, 1, False)


def test_a_global_service_that_starts_the_new_ones_first_wants_one_on_each_node() -> None:
    both = [task(OLD, node="here"), task(NEW, "starting", "ready", at=21, node="here")]
    seen = look(service(replicas=None), both, NEW)
    assert (seen.wanted, seen.running, seen.settled) == (1, 0, False)


def test_tasks_of_an_earlier_try_are_no_reason() -> None:
    earlier = task(NEW, "failed", "shutdown", at=5)
    assert look(service(), [earlier], NEW).ended == ()
    now = task(NEW, "failed", "shutdown", at=30)
    assert look(service(), [earlier, now], NEW).ended == (now,)
    assert look(service(None), [now], NEW).ended == ()


def test_each_task_that_runs_gives_the_next_one_its_time() -> None:
    patience = Patience(pulling=100.0, running=10.0)
    none = look(service(), [task(OLD)], NEW)
    one = look(service(), [task(NEW), task(OLD)], NEW)
    assert hangs(none, Advance(), 9.0, patience) is None
    assert hangs(none, Advance(), 10.0, patience) == 10.0
    later = Advance().seen(one, 9.0)
    assert hangs(one, later, 18.0, patience) is None
    assert hangs(one, later, 19.0, patience) == 10.0
    # A task that begins again and again is no advance.
    starting = look(service(), [task(NEW), task(NEW, "starting", at=22)], NEW)
    assert later.seen(starting, 15.0) == later


def test_a_node_that_pulls_has_the_time_of_a_pull() -> None:
    pulling = look(service(), [task(NEW, "preparing")], NEW)
    patience = Patience(pulling=100.0, running=10.0)
    assert hangs(pulling, Advance(), 99.0, patience) is None
    assert hangs(pulling, Advance(), 100.0, patience) == 100.0


def test_what_begins_after_a_pull_has_its_own_time_once() -> None:
    patience = Patience(pulling=100.0, running=10.0)
    starting = look(service(), [task(NEW, "starting")], NEW)
    begun = Advance().seen(starting, 50.0)
    assert hangs(starting, begun, 59.0, patience) is None
    assert hangs(starting, begun, 60.0, patience) == 10.0
    assert begun.seen(starting, 55.0) == begun


def test_a_look_tells_what_waits_and_what_runs() -> None:
    running, pulling = task(NEW), task(NEW, "preparing", at=21)
    failed = [task(NEW, "failed", "shutdown", at=at) for at in (30, 40)]
    seen = look(service(), [task(OLD, "pending"), running, pulling, *failed], NEW)
    assert (seen.waiting, seen.runners) == (pulling, {running.id})
    assert (seen.pulling, seen.begun, seen.ended) == (True, True, (failed[1], failed[0]))
    assert (seen.image, seen.stage, seen.message) == (NEW, "updating", "")
    assert seen.sentence() == "1 of 2 tasks run the new image"
    alone = look(service("rollback_paused"), [pulling, task(OLD, "starting")], NEW)
    assert (alone.stage, alone.begun, alone.runners) == ("paused", False, frozenset())
    for status, stage in (("rollback_started", "updating"), ("completed", "completed")):
        assert look(service(status), [], NEW).stage == stage
    assert look(service(None), [], NEW).stage == "none"
    # Start-first makes the next task ready before it shall run.
    assert look(service(), [task(NEW, "preparing", "ready")], NEW).pulling


@pytest.mark.parametrize(
    ("ended", "kind", "said"),
    [
        (
            task(NEW, "failed", Err="task: non-zero exit (3)", ContainerStatus={"ExitCode": 3}),
            "exited",
            "exited with code 3: it",
        ),
        (
            task(NEW, "failed", Err="task: non-zero exit (137): dockerexec: unhealthy container"),
            "unhealthy",
            "unhealthy: it",
        ),
        (
            task(NEW, "failed", Err="starting container failed: no command"),
            "start_error",
            "did not start: it: starting container failed: no command",
        ),
        (task(NEW, "rejected"), "start_error", "did not start: it: no reason given"),
        (task(NEW, "complete"), "unhealthy", "unhealthy: it did not stay up"),
        (
            task(NEW, "rejected", Err="No such image: web:1"),
            "start_error",
            "did not start: it: No such image: web:1",
        ),
    ],
)
def test_why_a_task_ended(ended: Task, kind: str, said: str) -> None:
    assert explain_task(ended, "it") == (kind, said)


def test_what_a_task_waits_for() -> None:
    pending = task(NEW, "pending", Err="no suitable node (scheduling constraints not satisfied)")
    assert explain_wait(pending, "it", 60.0) == (
        "start_error",
        "did not start within 60 s: it is pending: "
        "no suitable node (scheduling constraints not satisfied)",
    )
    for state, kind, said in (
        ("starting", "unhealthy", "not healthy within 60 s: it is still starting"),
        ("preparing", "start_error", "did not start within 60 s: it still pulls the image"),
        ("running", "unhealthy", "does not stay up within 60 s: it is running"),
    ):
        assert explain_wait(task(NEW, state), "it", 60.0) == (kind, said)
        why = explain_wait(task(NEW, state, Err="no room"), "it", 60.0)
        assert why == (kind, f"{said}: no room")
    nothing = "did not start within 60 s: Swarm made no task of it"
    assert explain_wait(None, "", 60.0) == ("start_error", nothing)


def test_only_the_image_and_its_platforms_change() -> None:
    spec = {
        "Name": "web",
        "TaskTemplate": {
            "ContainerSpec": {"Image": OLD, "Secrets": [{"SecretName": "key"}]},
            "ForceUpdate": 4,
            "Placement": {"Constraints": ["node.role==worker"], "Platforms": [{"OS": "linux"}]},
        },
    }
    found = {
        "Platforms": [
            {"architecture": "arm64", "os": "linux"},
            {"architecture": "arm", "os": "linux", "variant": "v7"},
            {"architecture": "unknown", "os": "unknown"},
        ]
    }
    changed = with_image(spec, NEW, platforms_of(found))
    assert changed["TaskTemplate"]["ContainerSpec"]["Image"] == NEW
    assert changed["TaskTemplate"]["Placement"] == {
        "Constraints": ["node.role==worker"],
        "Platforms": [
            {"Architecture": "arm64", "OS": "linux"},
            {"Architecture": "", "OS": "linux"},
        ],
    }
    changed["TaskTemplate"]["ContainerSpec"]["Image"] = OLD
    changed["TaskTemplate"]["Placement"] = spec["TaskTemplate"]["Placement"]
    assert changed == spec
    assert with_image(spec, NEW, None)["TaskTemplate"]["Placement"]["Platforms"] == [
        {"OS": "linux"}
    ]


@pytest.mark.parametrize(
    ("spelling", "tag", "named"),
    [
        ("r.io:5000/team/web:1@sha256:a", "2", "r.io:5000/team/web:2@sha256:b"),
        ("r.io:5000/team/web@sha256:a", None, "r.io:5000/team/web@sha256:b"),
        ("web", "latest", "web:latest@sha256:b"),
    ],
)
def test_the_image_is_named_with_tag_and_digest(spelling: str, tag: str | None, named: str) -> None:
    assert image_name(spelling, tag, "sha256:b") == named
