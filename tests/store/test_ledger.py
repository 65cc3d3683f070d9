"""What a worker writes is there as a whole or not at all, and still there after any crash."""

from __future__ import annotations

import pytest

from listener.model.base import utc_now
from listener.model.deployment import State
from listener.model.journal import Phase
from listener.model.push import Match
from listener.model.target import Good, Memory, Pause
from listener.model.view import TargetView
from listener.store import (
    Archive,
    Backlog,
    Command,
    Incoming,
    Lane,
    Lease,
    Ledger,
    PushAck,
    PushLog,
    Queue,
    Store,
    Unavailable,
    keys,
)
from listener.store.lease import Transaction

from .conftest import a_deployment, a_host, a_journal, a_push, finished


@pytest.fixture
def archive(store: Store) -> Archive:
    return Archive(store)


async def test_a_push_becomes_a_deployment_in_one_step(
    store: Store, log: PushLog, ledger: Ledger, archive: Archive
) -> None:
    push = a_push()
    await log.append([(push, "k")])
    await log.read("h1", 10, 0)
    ((entry, _),) = await log.read("h1", 10, 0.1)
    deployment = a_deployment(pushes=(push.id,))
    match = Match(target="web", host="h1", deployment=deployment.id)
    ack = PushAck(entry_id=entry, push_id=push.id, matches=(match,))
    for _ in range(2):  # a repeated call changes nothing
        await ledger.admit([deployment], {"web": Lane(waiting=deployment.id)}, pushes=[ack])
    assert await log.read("h1", 10, 0.01) == []
    assert await ledger.lanes() == {"web": Lane(waiting=deployment.id)}
    assert await archive.deployments() == [deployment]
    assert (await Incoming(store).pushes(1))[0].matches == (match,)
    assert await store.call("TTL", keys.matches(push.id)) > 0


async def test_a_journal_lives_as_long_as_its_deployment_runs(
    store: Store, lease: Lease, ledger: Ledger, archive: Archive
) -> None:
    deployment = a_deployment(state=State.PULLING)
    journal = a_journal(deployment)
    await ledger.save(journal)
    later = a_journal(deployment.model_copy(update={"state": State.SWAPPING}), Phase.CUTOVER)
    await ledger.save(later)
    restarted = Ledger(store, lease, "h1")
    assert await restarted.journals() == [later]
    assert await archive.deployment(deployment.id) == later.deployment
    done = later.model_copy(update={"deployment": finished(later.deployment)})
    memory = Memory(good=(Good(digest="sha256:1", at=utc_now()),))
    pause = Pause(reason="a person is needed", at=utc_now())
    for _ in range(2):
        await ledger.finish(done, lanes={"web": Lane()}, memory=memory, pause=pause)
    assert await restarted.journals() == []
    assert await restarted.lanes() == {}
    assert await restarted.memory("web") == memory
    assert await archive.pauses() == {("web", "h1"): pause}
    assert await archive.deployment(deployment.id) == done.deployment


async def test_ending_a_waiting_deployment_leaves_the_running_ones_journal(
    ledger: Ledger,
) -> None:
    running, waiting = a_deployment(), a_deployment()
    await ledger.admit([running, waiting], {"web": Lane(running=running.id, waiting=waiting.id)})
    await ledger.save(a_journal(running))
    await ledger.finish(
        finished(waiting, State.SUPERSEDED), lanes={"web": Lane(running=running.id)}
    )
    assert [journal.deployment.id for journal in await ledger.journals()] == [running.id]


async def test_the_history_is_capped_for_each_target_and_never_drops_a_live_one(
    store: Store, ledger: Ledger, archive: Archive
) -> None:
    await ledger.publish([], a_host())
    live = a_deployment()
    await ledger.admit([live], {"web": Lane(running=live.id)})
    other = a_deployment("db")
    await ledger.finish(finished(other), lanes={})
    done = [finished(a_deployment()) for _ in range(12)]
    for deployment in done:
        await ledger.finish(deployment, lanes={"web": Lane(running=live.id)})
    kept = [deployment.id for deployment in await archive.deployments("web")]
    assert kept == [d.id for d in reversed(done[-5:])] + [live.id]
    assert len(await archive.deployments()) == 7
    assert await archive.deployment(done[0].id) is None
    assert await store.call("ZCARD", keys.HISTORY) == 7


async def test_deployments_are_found_by_target_host_state_and_page(
    store: Store, archive: Archive
) -> None:
    made = []
    for host in ("h1", "h2"):
        lease = Lease(store, host, host, host)
        assert await lease.acquire()
        ledger = Ledger(store, lease, host)
        await ledger.publish([], a_host(host))
        for number in range(150):
            state = State.FAILED if number % 50 == 0 else State.SUCCEEDED
            made.append(finished(a_deployment(host=host, state=state), state))
            await ledger.admit([made[-1]], {})
    newest = list(reversed(made))
    assert await archive.deployments(limit=3) == newest[:3]
    assert await archive.deployments("web", limit=500) == newest
    assert await archive.deployments("web", before=newest[9].id, limit=2) == newest[10:12]
    assert await archive.deployments(host="h1", limit=500) == newest[150:]
    assert await archive.deployments("web", "h2", limit=500) == newest[:150]
    failed = [deployment for deployment in newest if deployment.state is State.FAILED]
    assert await archive.deployments(state=State.FAILED) == failed
    assert await archive.deployments("nobody") == []


async def test_a_command_reaches_the_worker_once_and_again_after_a_restart(
    store: Store, lease: Lease, ledger: Ledger, archive: Archive
) -> None:
    command = Command(kind="rollback", deployment=a_deployment(), digest="sha256:1")
    for _ in range(2):  # a repeated call sends it once
        await archive.submit("h1", command)
    assert await archive.deployments() == [command.deployment]
    ((entry, found),) = await ledger.read_commands(0.1)
    assert found == command
    assert await ledger.read_commands(0.01) == []
    restarted = Ledger(store, lease, "h1")
    assert await restarted.read_commands(0.1) == [(entry, command)]
    await restarted.admit([], {}, command=entry)
    assert await Ledger(store, lease, "h1").read_commands(0.01) == []


async def test_a_cancel_does_not_touch_the_record(ledger: Ledger, archive: Archive) -> None:
    deployment = a_deployment(state=State.PULLING)
    await ledger.save(a_journal(deployment))
    stale = deployment.model_copy(update={"state": State.QUEUED})
    await archive.submit("h1", Command(kind="cancel", deployment=stale))
    assert await archive.deployment(deployment.id) == deployment


async def test_a_command_that_is_not_understood_is_dropped(store: Store, ledger: Ledger) -> None:
    await store.call("XADD", keys.commands("h1"), "*", "command", "{}")
    assert await ledger.read_commands(0.1) == []
    assert await store.call("XLEN", keys.commands("h1")) == 0


async def test_a_worker_that_never_reads_is_named(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "COMMANDS_CAP", 3)
    for _ in range(3):
        await archive.submit("gone", Command(kind="deploy", deployment=a_deployment(host="gone")))
    refused = a_deployment(host="gone")
    with pytest.raises(Backlog, match="worker of gone"):
        await archive.submit("gone", Command(kind="deploy", deployment=refused))
    assert await archive.deployment(refused.id) is None


async def test_the_queue_counts_what_is_not_begun(
    log: PushLog, ledger: Ledger, archive: Archive
) -> None:
    await ledger.publish([], a_host())
    assert await archive.queue() == {"h1": Queue()}
    await log.append([(a_push(), "a"), (a_push(), "b")])
    assert (await archive.queue())["h1"].depth == 2  # nobody ever read
    await log.read("h1", 1, 0)
    ((entry, push),) = await log.read("h1", 1, 0.1)
    assert (await archive.queue())["h1"].depth == 2  # one in hand, one unread
    old = a_deployment(queued_at=utc_now().replace(year=2025))
    lane = Lane(running=a_deployment().id, waiting=old.id)
    await ledger.admit([old], {"web": lane}, pushes=[PushAck(entry_id=entry, push_id=push.id)])
    await archive.submit("h1", Command(kind="deploy", deployment=a_deployment()))
    queue = (await archive.queue())["h1"]
    assert queue.depth == 3
    assert queue.oldest_seconds > 86400


async def test_publishing_replaces_what_is_shown(ledger: Ledger, archive: Archive) -> None:
    views = [
        TargetView(name=name, host="h1", driver="container", image="docker.io/team/web")
        for name in ("db", "web")
    ]
    await ledger.publish(views, a_host())
    assert await archive.targets() == views
    await ledger.publish(views[:1], a_host())
    assert await archive.targets() == views[:1]
    assert [host.name for host in await archive.hosts()] == ["h1"]


async def test_what_a_failover_lost_is_published_again(
    ledger: Ledger, archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = TargetView(name="web", host="h1", driver="container", image="docker.io/team/web")
    await ledger.publish([view], a_host())
    await store.call("DEL", keys.views("h1"))
    monkeypatch.setattr("listener.store.published._WHOLE_EVERY", 0.0)
    await ledger.publish([view], a_host())
    assert await archive.targets() == [view]


async def test_what_was_published_without_an_answer_is_replaced_as_well(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = TargetView(name="web", host="h1", driver="container", image="docker.io/team/web")
    second = first.model_copy(update={"health": "unhealthy"})
    await ledger.publish([first], a_host())
    write = ledger._lease.write

    async def unheard(step: Transaction) -> None:
        await write(step)
        raise Unavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(ledger._lease, "write", unheard)
        with pytest.raises(Unavailable):
            await ledger.publish([second, second.model_copy(update={"name": "db"})], a_host())
    await ledger.publish([first], a_host())
    assert await archive.targets() == [first]


async def test_a_pause_ends_with_resume(archive: Archive) -> None:
    pause = Pause(reason="a person said so", at=utc_now())
    await archive.pause("h1", "a@b", pause)
    assert await archive.pauses() == {("a@b", "h1"): pause}
    await archive.resume("h1", "a@b")
    assert await archive.pauses() == {}


async def test_many_targets_at_once(ledger: Ledger) -> None:
    deployments = [a_deployment(f"t{number}") for number in range(500)]
    lanes = {d.target: Lane(running=d.id) for d in deployments}
    await ledger.admit(deployments, lanes)
    assert await ledger.lanes() == lanes
