"""The verbs that change something: what the worker is told, and how --wait ends."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from typing import Any

import pytest

from listener.model.base import utc_now
from listener.model.delivery import Delivery, new_delivery_id
from listener.model.deployment import Deployment, State, Step
from listener.model.push import Push
from listener.web.intake import new_push_id
from tests.unit.cli.conftest import Ended, Shell, ended
from tests.unit.conftest import DIGESTS, MakePanel, Panel, a_deployment, a_view


@pytest.fixture
def shell(shell: Shell, panel: Panel) -> Shell:
    shell.environ["LISTENER_URL"] = panel.url
    return shell


async def ordered(panel: Panel) -> Deployment:
    """The deployment that the worker is told of."""
    ledger = await panel.ledger()
    for _ in range(20):
        for _, command in await ledger.read_commands(1):
            return command.deployment
    raise AssertionError("no command came")


async def play(panel: Panel, *states: dict[str, Any]) -> None:
    """Takes the next command and lets its deployment go through these changes, each one shown."""
    made = await ordered(panel)
    for change in states:
        made = made.model_copy(update=change)
        await panel.record(made)
        if change is not states[-1]:
            await panel.has_shown(f"/api/v1/deployments/{made.id}")


async def test_deploy_prints_the_id_and_tells_the_worker(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view())
    end = await shell.run("deploy", "web", "--tag", "v2", "--force")
    made = await ordered(panel)
    assert end.code == 0
    assert end.out.startswith(f"{made.id} queued")
    assert (made.tag, made.force, made.dry_run) == ("v2", True, False)
    assert end.err == ""
    assert set((await shell.run("deploy", "web", "--json")).json) == {"id"}


async def test_a_dry_run_says_its_plan_and_does_not_mind_a_pause(
    shell: Shell, panel: Panel
) -> None:
    await panel.publish(a_view().model_copy(update={"state": "paused"}))
    told = ("strategy recreate: it publishes port 80", "keeps environment: PASSWORD")
    end = {"state": State.SKIPPED, "reason": "a dry run: nothing was changed", "plan": told}
    played = asyncio.create_task(play(panel, end))
    asked = await shell.run("deploy", "web", "--dry-run", "--wait")
    await played
    assert asked.code == 0
    assert "what the deployment would do:\n  strategy recreate: it publishes" in asked.out
    assert asked.err == ""


async def test_rollback_goes_where_it_is_told(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view())
    assert (await shell.run("rollback", "web", "--to", DIGESTS[4])).code == 0
    made = await ordered(panel)
    # Under which tag it ran, the worker knows.
    assert (made.to_digest, made.tag) == (DIGESTS[4], None)
    end = await shell.run("rollback", "web", "--to", "v1")
    assert end.code == 2
    assert "'v1' is not a digest" in end.err


async def test_deploy_says_why_nothing_begins_yet(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view(), seconds_ago=600)
    await panel.away()
    await shell.run("pause", "web", "--reason", "Friday")
    end = await shell.run("deploy", "web")
    assert end.code == 0
    assert "the worker of h1 was last seen 10m ago" in end.err
    assert "web is paused" in end.err


STEP = Step(name="pull", started_at=utc_now())
PULLING = {"state": State.PULLING, "steps": (STEP,)}
PULLED = {
    "state": State.SWAPPING,
    "steps": (STEP.model_copy(update={"finished_at": STEP.started_at + timedelta(seconds=2)}),),
}


async def waited(shell: Shell, panel: Panel, last: dict[str, Any], *, terminal: bool) -> Ended:
    await panel.publish(a_view())
    run = shell.on_terminal if terminal else shell.run
    end, _ = await asyncio.gather(
        run("deploy", "web", "--wait"), play(panel, PULLING, PULLED, last)
    )
    return end


@pytest.mark.parametrize("terminal", [True, False])
async def test_wait_follows_to_success(shell: Shell, panel: Panel, terminal: bool) -> None:
    last = {"state": State.SUCCEEDED, "reason": "healthy after 3.0 s"}
    end = await waited(shell, panel, last, terminal=terminal)
    assert (end.code, end.err) == (0, "")
    assert "pull" in end.seen
    assert "healthy after 3.0 s" in end.seen
    if not terminal:
        words = [line.split(" ", 1)[1] for line in end.out.splitlines()]
        wanted = ["pulling", "pull 2.0s", "swapping", "succeeded: healthy after 3.0 s"]
        assert [word for word in words if word != "queued"] == wanted


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ({"state": State.ROLLED_BACK, "reason": "it exited"}, 1),
        ({"state": State.SUPERSEDED, "reason": "a newer push"}, 1),
        ({"state": State.SKIPPED, "reason": "a known bad digest"}, 1),
        ({"state": State.SKIPPED, "reason": "it runs already", "to_digest": DIGESTS[1]}, 0),
    ],
)
async def test_wait_tells_success_from_failure(
    shell: Shell, panel: Panel, last: dict[str, Any], code: int
) -> None:
    end = await waited(shell, panel, last, terminal=False)
    assert end.code == code
    assert last["reason"] in end.out
    assert (last["reason"] in end.err) == (code == 1)


async def test_wait_ends_in_time_and_says_that_it_goes_on(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view())
    end = await shell.run("deploy", "web", "--wait", "--wait-timeout", "1s")
    assert end.code == 1
    assert end.err.endswith("is still queued after 1.0s; it goes on\n")
    assert (await shell.run("deploy", "web", "--wait-timeout", "soon")).code == 2


async def test_ctrl_c_is_quiet(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view())
    process = await shell.start("deploy", "web", "--wait")
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGINT)
    end = await ended(process)
    assert (end.code, end.err.strip()) == (130, "")


async def test_pause_and_resume(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view())
    end = await shell.run("pause", "web", "--reason", "Friday")
    assert (end.code, end.out) == (0, "web on h1 is paused: Friday\n")
    assert ("web", "h1") in await panel.archive.pauses()
    assert (await shell.run("resume", "web")).code == 0
    assert not await panel.archive.pauses()


async def test_cancel_asks_the_worker(shell: Shell, panel: Panel) -> None:
    made = a_deployment(state=State.PULLING)
    await panel.record(made)
    assert (await shell.run("cancel", made.id)).code == 0
    assert (await ordered(panel)).id == made.id
    await panel.record(made.model_copy(update={"state": State.FAILED}))
    end = await shell.run("cancel", made.id)
    assert (end.code, "has ended already" in end.err) == (1, True)


async def test_replay_prints_the_new_pushes(shell: Shell, panel: Panel) -> None:
    now = utc_now()
    facts: dict[str, Any] = {"hook": "ci", "provider": "generic", "received_at": now}
    push = Push(id=new_push_id(now), image="registry.example.com/team/web", tag="v1", **facts)
    delivery = Delivery(id=new_delivery_id(now), code=202, outcome="stored", **facts)
    await panel.pushes.append([(push, "key")], [(delivery, 1)])
    end = await shell.run("replay", push.id)
    (made,) = end.out.split()
    assert (end.code, end.err, made != push.id) == (0, "", True)
    again = (await shell.run("replay", delivery.id, "--json")).json["pushes"]
    stored = (await shell.run("pushes", "--json")).json["pushes"]
    known = {one["id"]: one["replay_of"] for one in stored}
    assert known == {push.id: None, made: push.id, again[0]: push.id}
    missing = await shell.run("replay", "p0")
    assert (missing.code, "there is no push 'p0'" in missing.err) == (1, True)
    assert (await shell.run("replay", push.id, "--url", "http://127.0.0.1:1")).code == 3


async def test_the_token_comes_from_option_environment_or_configuration(
    shell: Shell, make_panel: MakePanel
) -> None:
    guarded = await make_panel(token="a-token-not-a-secret")
    shell.environ["LISTENER_URL"] = guarded.url
    end = await shell.run("hosts")
    assert end.code == 2
    assert "refused the token" in end.err
    assert (await shell.run("hosts", "--token", "a-token-not-a-secret")).code == 0
    shell.environ["LISTENER_TOKEN"] = "a-token-not-a-secret"
    assert (await shell.run("hosts")).code == 0
    del shell.environ["LISTENER_TOKEN"]
    (shell.directory / "config").mkdir()
    file = shell.directory / "config" / "listener.yml"
    port = guarded.url.rpartition(":")[2]
    file.write_text(f"admin: {{listen: '0.0.0.0:{port}', token: a-token-not-a-secret}}\n")
    del shell.environ["LISTENER_URL"]
    assert (await shell.run("hosts")).code == 0
