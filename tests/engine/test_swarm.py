"""Services of a real swarm: two nodes, a private registry, and releases of all kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.cluster import Cluster
from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from tests.conftest import MakeCluster

# Tasks are started and proven several times over in each of these.
pytestmark = pytest.mark.timeout(900)


def ended(cluster: Cluster, app: str, release: Release) -> tuple[str, dict[str, Any]]:
    """A release is pushed: its digest, and what became of it."""
    digest = cluster.push(app, release)
    return digest, cluster.listener.deployment_of(cluster.name(app), digest)


def runs_on_two_nodes(cluster: Cluster, app: str, digest: str) -> None:
    """Waits for it: a task that was replaced may still be ending."""
    wait_for(lambda: cluster.on_two_nodes(app, digest), f"two nodes run {digest[:19]} of {app}")


def logs_of(cluster: Cluster, deployment: dict[str, Any]) -> list[str]:
    """The last lines that a deployment kept."""
    shown = cluster.listener.api(f"deployments/{deployment['id']}")
    return shown["logs"]


def test_good_and_bad_releases_on_two_nodes(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    name = cluster.name("web")
    first = cluster.first_release("web")
    cluster.listener.start()
    cluster.wait_late_push("web")

    # A good one comes to both nodes, with the tag and the digest in its name.
    second, good = ended(cluster, "web", Release("2"))
    assert (good["state"], good["reason"]) == ("succeeded", "healthy")
    runs_on_two_nodes(cluster, "web", second)
    seen = cluster.listener.target(name)
    assert (seen["driver"], seen["digest"], seen["health"]) == ("swarm", second, "healthy")
    assert seen["host"].startswith("swarm-")
    assert cluster.listener.metric("listener_target_info", target=name, driver="swarm") == 1

    # A sick one stops Swarm's own update, which by default leaves it so: we take it back.
    _, bad = ended(cluster, "web", Release("3", Behaviour.SICK))
    assert bad["state"] == "rolled_back"
    assert bad["reason"].startswith(f"unhealthy: task {name}.")
    assert "update paused" in bad["reason"]
    assert any("version 3 begins" in line for line in logs_of(cluster, bad))
    runs_on_two_nodes(cluster, "web", second)
    assert cluster.listener.metric("listener_rollbacks_total", target=name, reason="unhealthy") == 1

    # It is known now: pushed again, nothing happens.
    cluster.push("web", Release("2"))
    cluster.push("web", Release("3", Behaviour.SICK))
    wait_for(
        lambda: any(
            one["state"] == "skipped" and "known to be bad" in one["reason"]
            for one in cluster.listener.deployments(name)
        ),
        "the bad digest is skipped",
    )

    # One that cannot start says so in the engine's words.
    _, missing = ended(cluster, "web", Release("4", Behaviour.MISSING))
    assert missing["state"] == "rolled_back"
    assert missing["reason"].startswith(f"did not start: task {name}.")
    assert "/app/absent" in missing["reason"]
    runs_on_two_nodes(cluster, "web", second)

    # One for which there is no place is not waited for for ever: each node has its one task.
    impatient = ("--label-add", "listener.health.timeout=20s", "--update-order", "start-first")
    cluster.swarm.docker("service", "update", "-d", *impatient, name)
    _, hung = ended(cluster, "web", Release("5"))
    assert hung["state"] == "rolled_back"
    assert hung["reason"].startswith("did not start within 21 s: task")
    assert "is pending: no suitable node (max replicas per node" in hung["reason"]
    runs_on_two_nodes(cluster, "web", second)
    patient = ("--label-rm", "listener.health.timeout", "--update-order", "stop-first")
    cluster.swarm.docker("service", "update", "-d", *patient, name)

    # And a person goes back.
    assert cluster.listener.cli("rollback", name, "--wait").returncode == 0
    runs_on_two_nodes(cluster, "web", first)
    assert cluster.listener.metric("listener_rollbacks_total", target=name, reason="manual") == 1


def test_what_swarm_does_by_itself_is_told_as_it_is(make_cluster: MakeCluster) -> None:
    """A global service whose own failure action takes it back, though rollback is off here."""
    cluster = make_cluster()
    name = cluster.name("web")
    options = ("--update-failure-action", "rollback", "--update-parallelism", "1")
    options += ("--label", "listener.rollback=false")
    first = cluster.first_release("web", *options, replicas=None)
    cluster.listener.start()
    cluster.wait_late_push("web")
    digest, bad = ended(cluster, "web", Release("2", Behaviour.EXITS))
    assert bad["state"] == "rolled_back"
    assert bad["reason"].startswith(f"exited with code 3: task {name}")
    assert "Swarm itself takes it back" in bad["reason"]
    assert any("no such table" in line for line in logs_of(cluster, bad))
    runs_on_two_nodes(cluster, "web", first)
    assert cluster.listener.metric("listener_rollbacks_total", target=name, reason="exited") == 1
    assert digest != first


def test_where_no_node_is_fit_and_where_all_is_kept(make_cluster: MakeCluster) -> None:
    """By the file: a stack's service with a secret, one scaled to nothing, and a job."""
    cluster = make_cluster()
    stack, idle, job = (cluster.name(app) for app in ("stack", "idle", "job"))
    cluster.listener.settings["targets"] = {
        "site": {"service": stack},
        "idle": {"service": idle},
        "batch": {"service": job},
        "lost": {"service": "nowhere"},
    }
    cluster.listener.write()
    secret = f"{cluster.session}-key"
    cluster.swarm.hosts[0].docker("secret", "create", secret, "-", feed=b"sesame")
    try:
        _stack_story(cluster, stack, idle, job, secret)
    finally:
        cluster.swarm.docker("service", "rm", stack)
        cluster.swarm.docker("secret", "rm", secret)


def _stack_story(cluster: Cluster, stack: str, idle: str, job: str, secret: str) -> None:
    ours = ("--label", "com.docker.stack.namespace=shop", "--secret", secret, "--env", "KEY=secret")
    first = cluster.first_release("stack", *ours)
    cluster.first_release("idle", replicas=0)
    cluster.push("job", Release("1"))
    cluster.swarm.docker(
        *("service", "create", "-d", "--name", job, "--mode", "replicated-job"),
        *("--with-registry-auth", cluster.image("job"), "true"),
    )
    cluster.listener.start()
    wait_for(lambda: len(cluster.listener.api("targets")["targets"]) == 4, "the targets are seen")
    assert "is a job" in cluster.listener.target("batch")["reason"]
    assert cluster.listener.target("lost")["reason"] == "there is no service nowhere"
    assert cluster.listener.target("idle")["health"] == "stopped"
    cluster.listener.quiet()

    before = cluster.swarm.service(stack)["Spec"]
    digest = cluster.push("stack", Release("2"))
    done = cluster.listener.deployment_of("site", digest)
    assert done["state"] == "succeeded"
    after = cluster.swarm.service(stack)["Spec"]
    assert after["TaskTemplate"]["ContainerSpec"]["Image"] == f"{cluster.image('stack')}@{digest}"
    was = before["TaskTemplate"]["ContainerSpec"]["Image"]
    after["TaskTemplate"]["ContainerSpec"]["Image"] = was
    assert json.dumps(after, sort_keys=True) == json.dumps(before, sort_keys=True)

    told = cluster.listener.cli("deploy", "site", "--digest", first, "--dry-run", "--wait")
    assert f"service {stack}: 2 tasks" in told.stdout
    assert f"keeps secrets: {secret}" in told.stdout
    assert "secret" not in told.stdout.replace("keeps secrets", "").replace(secret, "")

    digest = cluster.push("idle", Release("2"))
    done = cluster.listener.deployment_of("idle", digest)
    assert (done["state"], done["reason"]) == (
        "succeeded",
        "updated; the service is scaled to nothing, so that no task had to be proven",
    )


def test_a_way_back_to_a_tag_that_moved_is_none(make_cluster: MakeCluster) -> None:
    """A service made without a digest: what its tag means now is the sick release itself."""
    cluster = make_cluster()
    name = cluster.name("web")
    cluster.first_release("web", "--no-resolve-image")
    wait_for(lambda: cluster.settled("web"), "it runs")
    digest = cluster.push("web", Release("2", Behaviour.SICK))
    cluster.listener.start()
    wait_for(lambda: cluster.listener.api("targets")["targets"], "the service is seen")
    bad = cluster.listener.deployment_of(name, digest)
    assert bad["state"] == "rollback_failed"
    assert "without a digest, which now is the new image" in bad["reason"]
    assert cluster.listener.target(name)["state"] == "paused"
