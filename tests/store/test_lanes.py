"""Lanes over a real Redis: the newest wins, and what a kill left behind is taken up again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger, new_deployment_id
from listener.model.journal import Journal, Phase
from listener.model.target import Memory, Target, TargetSettings
from listener.store import Archive, Lane, Ledger, Store
from listener.worker.lanes import Lanes, ended_early


def deployment(target: str = "web") -> Deployment:
    now = utc_now()
    return Deployment(
        id=new_deployment_id(now),
        target=target,
        host="h1",
        trigger=Trigger.PUSH,
        image="docker.io/team/web",
        queued_at=now,
    )


async def fresh(ledger: Ledger, store: Store) -> Lanes:
    """The lanes as a process that just started sees them."""
    lanes = Lanes(ledger, Archive(store))
    await lanes.load()
    return lanes


async def test_the_newest_waits_and_the_others_are_superseded_by_name(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    running = deployment()
    await lanes.place([running])
    await lanes.take(running)
    waiting = [deployment() for _ in range(4)]
    for one in waiting:
        await lanes.place([one])
    assert lanes.lane("web") == Lane(running=running.id, waiting=waiting[-1].id)
    archive = Archive(store)
    for one, newer in pairwise(waiting):
        ended = await archive.deployment(one.id)
        assert ended is not None
        assert ended.state is State.SUPERSEDED
        assert newer.id in (ended.reason or "")
        assert ended.finished_at is not None


async def test_a_push_that_comes_while_another_is_taken_waits(ledger: Ledger, store: Store) -> None:
    # Both change one lane at the same moment, each of them waiting for Redis in between.
    lanes = await fresh(ledger, store)
    first, second = deployment(), deployment()
    await lanes.place([first])
    taken, _ = await asyncio.gather(lanes.take(first), lanes.place([second]))
    assert taken == first
    assert lanes.lane("web") == Lane(running=first.id, waiting=second.id)
    assert (await ledger.lanes())["web"] == Lane(running=first.id, waiting=second.id)
    assert lanes.waiting("web") == second
    assert await lanes.take(second) is None, "one runs at a time"


async def test_what_has_ended_gets_no_second_end(ledger: Ledger, store: Store) -> None:
    lanes, archive = await fresh(ledger, store), Archive(store)
    older, newer = deployment(), deployment()
    await lanes.place([older])
    await lanes.place([newer])
    assert not await lanes.end_waiting(ended_early(older, State.FAILED, "the registry refused"))
    kept = await archive.deployment(older.id)
    assert kept is not None
    assert kept.state is State.SUPERSEDED
    assert lanes.ended_early("web") is None
    refused = ended_early(newer, State.FAILED, "the registry refused")
    assert await lanes.end_waiting(refused)
    assert await archive.deployment(newer.id) == lanes.ended_early("web") == refused


async def test_targets_do_not_wait_for_each_other(ledger: Ledger, store: Store) -> None:
    lanes = await fresh(ledger, store)
    await lanes.place([deployment("web"), deployment("db")])
    assert {one.target for one in lanes.all_waiting()} == {"web", "db"}


async def test_what_waited_waits_again_after_a_restart(ledger: Ledger, store: Store) -> None:
    first = deployment()
    await (await fresh(ledger, store)).place([first])
    again = await fresh(ledger, store)
    assert again.waiting("web") == first


async def test_a_deployment_that_was_taken_and_never_begun_waits_again(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    taken = deployment()
    await lanes.place([taken])
    await lanes.take(taken)
    again = await fresh(ledger, store)
    assert again.waiting("web") == taken
    assert again.running("web") is None


async def test_one_that_was_never_begun_gives_way_to_the_newer_one(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    taken, newer = deployment(), deployment()
    await lanes.place([taken])
    await lanes.take(taken)
    await lanes.place([newer])
    again = await fresh(ledger, store)
    assert again.waiting("web") == newer
    lost = await Archive(store).deployment(taken.id)
    assert lost is not None
    assert lost.state is State.SUPERSEDED


async def test_one_with_a_journal_still_runs_after_a_restart(ledger: Ledger, store: Store) -> None:
    lanes = await fresh(ledger, store)
    begun = deployment()
    await lanes.place([begun])
    await lanes.take(begun)
    target = Target(name="web", host="h1", settings=TargetSettings(container="web"))
    await ledger.save(Journal(deployment=begun, target=target, phase=Phase.CUTOVER))
    again = await fresh(ledger, store)
    assert again.running("web") == begun.id
    assert again.waiting("web") is None


async def test_the_end_of_one_frees_the_lane_and_leaves_the_waiting_one(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    running, waiting = deployment(), deployment()
    await lanes.place([running])
    await lanes.take(running)
    await lanes.place([waiting])
    ended = running.model_copy(update={"state": State.SUCCEEDED, "finished_at": utc_now()})
    await lanes.finish(ended, Memory(), None)
    assert lanes.lane("web") == Lane(waiting=waiting.id)
    assert (await fresh(ledger, store)).lane("web") == Lane(waiting=waiting.id)


async def test_a_lone_push_starts_at_once_and_siblings_of_the_last_are_gathered(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    lone = deployment()
    assert lanes.ready_in(lone, debounce=2.0) <= 0
    await lanes.place([lone])
    await lanes.take(lone)
    await lanes.finish(lone.model_copy(update={"state": State.SUCCEEDED}), Memory(), None)
    sibling = deployment()
    assert 1.5 < lanes.ready_in(sibling, debounce=2.0) <= 2.0
    later = sibling.model_copy(update={"queued_at": utc_now() + timedelta(seconds=3)})
    assert lanes.ready_in(later, debounce=2.0) <= 0


async def test_what_was_skipped_gathers_nobody(ledger: Ledger, store: Store) -> None:
    lanes = await fresh(ledger, store)
    skipped = deployment()
    await lanes.place([skipped])
    await lanes.take(skipped)
    await lanes.finish(skipped.model_copy(update={"state": State.SKIPPED}), Memory(), None)
    assert lanes.ready_in(deployment(), debounce=2.0) <= 0


async def test_an_approval_is_kept_whatever_is_written_in_the_same_moment(
    ledger: Ledger, store: Store
) -> None:
    lanes = await fresh(ledger, store)
    waiting = deployment()
    await lanes.place([waiting])
    await lanes.approve(waiting, "0-1")
    # Whoever looked before the approval still believes that it waits for one.
    await lanes.hold(waiting, "waits for its window")
    again = (await fresh(ledger, store)).waiting("web")
    assert again is not None
    assert again.approved_at is not None
    assert again.reason == "waits for its window"


async def test_an_approval_is_for_one_image(ledger: Ledger, store: Store) -> None:
    lanes = await fresh(ledger, store)
    first, again, other = (
        deployment().model_copy(update={"tag": "latest", "hint": hint}) for hint in "aab"
    )
    await lanes.place([first])
    await lanes.approve(first, "0-1")
    await lanes.place([again])
    told_twice = lanes.waiting("web")
    assert told_twice is not None
    assert told_twice.approved_at is not None, "registries tell of one push more than once"
    await lanes.place([other])
    assert lanes.waiting("web") == other, "another image has to be approved as well"
    assert await lanes.take(again) is None, "nobody begins the one that it overtook"
