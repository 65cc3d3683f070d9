"""What came in can be read again: pushes and their matches, deliveries and their pushes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from listener.model.base import utc_now
from listener.model.delivery import Delivery, Outcome, new_delivery_id
from listener.model.push import Match
from listener.store import Incoming, Ledger, PushAck, PushLog, Store, keys

from .conftest import a_push


def a_delivery(hook: str = "hub", code: int = 202, outcome: Outcome = "stored") -> Delivery:
    now = utc_now()
    return Delivery(
        id=new_delivery_id(now),
        hook=hook,
        provider="generic",
        received_at=now,
        code=code,
        outcome=outcome,
        peer="10.0.0.9",
    )


@pytest.fixture
def incoming(store: Store) -> Incoming:
    return Incoming(store)


async def test_pushes_are_newest_first_and_name_their_matches(
    log: PushLog, ledger: Ledger, incoming: Incoming
) -> None:
    old, new = a_push(), a_push()
    await log.append([(old, "a"), (new, "b")])
    match = Match(target="web", host="h1", reason="a tag that it does not follow")
    await log.read("h1", 10, 0)
    entry = (await log.read("h1", 10, 0.1))[0][0]
    await ledger.admit([], {}, pushes=[PushAck(entry_id=entry, push_id=old.id, matches=(match,))])
    records = await incoming.pushes(10)
    assert [(record.push.id, record.matches) for record in records] == [
        (new.id, ()),
        (old.id, (match,)),
    ]
    assert len(await incoming.pushes(1)) == 1


async def test_each_delivery_has_its_own_pushes(log: PushLog, incoming: Incoming) -> None:
    one, two, three = a_push(), a_push(), a_push()
    first, ping, second = a_delivery(), a_delivery(code=200, outcome="ignored"), a_delivery()
    stored = await log.append(
        [(one, "a"), (two, "b"), (three, "c")], [(first, 2), (ping, 0), (second, 1)]
    )
    assert stored == [(one.id, False), (two.id, False), (three.id, False)]
    found = {each.id: each for each in await incoming.deliveries(10)}
    assert found[first.id] == first.model_copy(update={"pushes": (one.id, two.id)})
    assert found[ping.id] == ping
    assert found[second.id].pushes == (three.id,)


async def test_a_delivery_of_what_is_known_says_so(log: PushLog, incoming: Incoming) -> None:
    push, again, new = a_push(), a_push(), a_push()
    first, repeated, half = a_delivery(), a_delivery(), a_delivery()
    await log.append([(push, "a")], [(first, 1)])
    await log.append([(again, "a")], [(repeated, 1)])
    await log.append([(again, "a"), (new, "b")], [(half, 2)])
    found = {each.id: each for each in await incoming.deliveries(10)}
    assert (found[first.id].outcome, found[first.id].pushes) == ("stored", (push.id,))
    assert (found[repeated.id].outcome, found[repeated.id].pushes) == ("duplicate", (push.id,))
    assert (found[half.id].outcome, found[half.id].pushes) == ("stored", (push.id, new.id))


async def test_a_call_that_is_repeated_shows_its_deliveries_once(
    log: PushLog, incoming: Incoming
) -> None:
    push, delivery = a_push(), a_delivery()
    for _ in range(2):
        await log.append([(push, "a")], [(delivery, 1)])
    assert [each.outcome for each in await incoming.deliveries(10)] == ["stored"]


async def test_strangers_push_out_nothing_but_each_other(
    store: Store, log: PushLog, incoming: Incoming
) -> None:
    real = a_delivery()
    await log.append([(a_push(), "a")], [(real, 1)])
    for _ in range(15):
        await log.append([], [(a_delivery(code=401, outcome="refused"), 0)] * 100)
    assert await store.call("XLEN", keys.REFUSED) <= keys.REFUSED_CAP + 100
    assert real.id in [each.id for each in await incoming.deliveries(5_000)]


async def test_deliveries_of_one_hook_newest_first(log: PushLog, incoming: Incoming) -> None:
    made = [a_delivery("hub" if number % 2 else "ci") for number in range(6)]
    made = [
        each.model_copy(update={"received_at": each.received_at + timedelta(seconds=number)})
        for number, each in enumerate(made)
    ]
    await log.append([], [(each, 0) for each in made])
    assert [each.id for each in await incoming.deliveries(2, "hub")] == [made[5].id, made[3].id]
    assert [each.id for each in await incoming.deliveries(4)] == [each.id for each in made[:1:-1]]


async def test_a_push_is_found_by_its_id_and_by_its_delivery(
    log: PushLog, incoming: Incoming
) -> None:
    pushes = [a_push() for _ in range(4)]
    delivery = a_delivery()
    await log.append([(push, push.id) for push in pushes], [(a_delivery(), 1), (delivery, 3)])
    assert await incoming.find(pushes[0].id) == [pushes[0]]
    assert await incoming.find(delivery.id) == pushes[1:]
    assert await incoming.find("p0-none") == []
    assert await incoming.find("d0-none") == []


async def test_what_is_no_delivery_is_passed_over(
    store: Store, log: PushLog, incoming: Incoming
) -> None:
    await store.call("XADD", keys.DELIVERIES, "*", "delivery", "{")
    await store.call("XADD", keys.DELIVERIES, "*", "other", "x")
    delivery = a_delivery()
    await log.append([], [(delivery, 0)])
    assert [each.id for each in await incoming.deliveries(10)] == [delivery.id]
