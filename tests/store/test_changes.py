"""Whatever is written is told of in the same step, and a place tells whether all since is known."""

from __future__ import annotations

import pytest

from listener.model.base import utc_now
from listener.model.deployment import State
from listener.model.push import Match
from listener.model.target import Pause
from listener.model.view import TargetView
from listener.store import (
    Archive,
    Change,
    Changes,
    Command,
    Ledger,
    Place,
    PushAck,
    PushLog,
    Store,
    keys,
    read_place,
)

from .conftest import a_deployment, a_host, a_journal, a_push, finished


def a_view(name: str = "web", health: str = "healthy") -> TargetView:
    return TargetView(
        name=name, host="h1", driver="container", image="docker.io/team/web", health=health
    )


@pytest.fixture
def changes(store: Store) -> Changes:
    return Changes(store)


async def told(changes: Changes, since: Place) -> list[tuple[str, str]]:
    found, _, _ = await changes.after(since, count=100)
    return [(change.kind, change.name) for change in found]


async def test_every_write_of_a_worker_is_told(
    changes: Changes, ledger: Ledger, log: PushLog
) -> None:
    deployment = a_deployment()
    start = await changes.now()
    await ledger.admit([deployment], {})
    assert await told(changes, start) == [("deployment", deployment.id)]

    start = await changes.now()
    await ledger.save(a_journal(deployment))
    await ledger.record(deployment)
    assert await told(changes, start) == [("deployment", deployment.id)], "once for each thing"

    start = await changes.now()
    pause = Pause(reason="look", at=utc_now())
    await ledger.finish(finished(deployment, State.ROLLBACK_FAILED), lanes={}, pause=pause)
    assert await told(changes, start) == [("deployment", deployment.id), ("target", "web")]

    start = await changes.now()
    push = a_push()
    await log.append([(push, "k")])
    (entry, _) = (await log.read("h1", 1, 0.1) or await log.read("h1", 1, 0.1))[0]
    assert await told(changes, start) == [("push", entry)]
    start = await changes.now()
    match = Match(target="web", host="h1", reason="another tag")
    await ledger.admit([], {}, pushes=[PushAck(entry_id=entry, push_id=push.id, matches=(match,))])
    assert await told(changes, start) == [("push", entry)]


async def test_only_targets_that_are_not_as_they_were_are_told(
    changes: Changes, ledger: Ledger
) -> None:
    await ledger.publish([a_view(), a_view("db")], a_host())
    start = await changes.now()
    await ledger.publish([a_view(health="unhealthy")], a_host())
    assert await told(changes, start) == [("target", "db"), ("target", "web"), ("host", "h1")]
    start = await changes.now()
    await ledger.publish([a_view(health="unhealthy")], a_host())
    assert await told(changes, start) == [("host", "h1")]


async def test_what_people_write_is_told(changes: Changes, store: Store) -> None:
    archive, start = Archive(store), await changes.now()
    deployment = a_deployment()
    for _ in range(2):
        await archive.submit("h1", Command(kind="deploy", deployment=deployment))
    await archive.pause("h1", "web", Pause(reason="look", at=utc_now()))
    await archive.resume("h1", "web")
    assert await store.call("XLEN", keys.EVENTS) == 3
    found, _, _ = await changes.after(start, count=100)
    assert found == [
        Change(kind="deployment", name=deployment.id),
        Change(kind="target", name="web", host="h1"),
    ]


async def test_a_reader_goes_on_from_its_place(changes: Changes, ledger: Ledger) -> None:
    start = await changes.now()
    made = [a_deployment() for _ in range(5)]
    for deployment in made:
        await ledger.record(deployment)
    first, place, more = await changes.after(start, count=2)
    assert (len(first), more) == (2, True)
    rest, place, more = await changes.after(place, count=9)
    assert [change.name for change in first + rest] == [deployment.id for deployment in made]
    assert not more
    assert place == await changes.now() == read_place(str(place))
    assert await changes.after(place, count=9, block=0.01) == ([], place, False)


@pytest.mark.parametrize("text", ["", "0-0", "0-0.x", "1-1.1-1.1-1", "-1-0.0-0", "1-1.1-1 "])
def test_other_text_names_no_place(text: str) -> None:
    assert read_place(text) is None


async def test_a_place_is_held_until_the_log_is_cut_behind_it(
    changes: Changes, ledger: Ledger, log: PushLog, store: Store
) -> None:
    empty = await changes.now()
    assert await changes.holds(empty)
    await ledger.record(a_deployment())
    await log.append([(a_push(), "k")])
    place = await changes.now()
    for _ in range(3):
        await ledger.record(a_deployment())
    assert await changes.holds(place)
    await store.call("XTRIM", keys.EVENTS, "MAXLEN", 3)
    assert not await changes.holds(place)
    assert await changes.holds(await changes.now())
    await store.call("XTRIM", keys.EVENTS, "MAXLEN", 0)
    assert await changes.holds(await changes.now())


async def test_a_place_of_other_data_is_not_held(
    changes: Changes, ledger: Ledger, store: Store
) -> None:
    await ledger.record(a_deployment())
    place = await changes.now()
    await store.call("FLUSHALL")
    assert not await changes.holds(place)
