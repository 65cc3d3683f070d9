"""An accepted push is stored once and reaches each host, whatever repeats or breaks in between."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from listener.store import Incoming, Ledger, PushAck, PushLog, Store, Unavailable, connect, keys

from .conftest import Server, a_push


async def entries(store: Store) -> list[object]:
    return list(await store.call("XRANGE", keys.PUSHES, "-", "+"))


async def read(log: PushLog, host: str = "h1") -> list[tuple[str, str]]:
    """The first call makes the group and may answer nothing."""
    found = await log.read(host, 100, 0) or await log.read(host, 100, 0.05)
    return [(entry, push.id) for entry, push in found]


async def test_a_push_that_comes_again_is_stored_once(store: Store, log: PushLog) -> None:
    first, again = a_push(), a_push()
    assert await log.append([(first, "delivery-1")]) == [(first.id, False)]
    assert await log.append([(again, "delivery-1")]) == [(first.id, True)]
    assert len(await entries(store)) == 1


async def test_a_tag_that_goes_back_to_an_earlier_digest_is_no_repetition(
    store: Store, log: PushLog
) -> None:
    """Of a sender without ids: the key is the tag's, and the digest tells."""
    one, other = (f"sha256:{letter * 64}" for letter in "ab")
    known = []
    for digest in (one, one, other, other, one):
        push = a_push().model_copy(update={"digest": digest})
        [(_, repeated)] = await log.append([(push, "tag 1")])
        known.append(repeated)
    assert known == [False, True, False, True, False]
    assert len(await entries(store)) == 3
    # What an earlier release had stored had no digest beside it.
    await store.call("SET", keys.dedupe("delivery-2"), "p1-00000000")
    assert await log.append([(a_push(), "delivery-2")]) == [("p1-00000000", True)]


async def test_the_same_call_repeated_gives_the_same_answer(store: Store, log: PushLog) -> None:
    pushes = [(a_push(), "a"), (a_push(), "b"), (a_push(), "a")]
    answer = await log.append(pushes)
    assert answer == [(pushes[0][0].id, False), (pushes[1][0].id, False), (pushes[0][0].id, True)]
    assert await log.append(pushes) == answer
    assert len(await entries(store)) == 2


async def test_a_lost_answer_stores_once(server: Server, directory: Path) -> None:
    """The connection dies after the write and before its answer: the library asks again."""
    cut = asyncio.Event()
    cut.set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(str(server.socket))
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                forth.write(data)
                answer = await back.read(65536)
                if b"EVALSHA" in data and not answer.startswith(b"-") and cut.is_set():
                    cut.clear()
                    break
                writer.write(answer)
        forth.close()
        writer.close()

    proxy = await asyncio.start_unix_server(relay, str(directory / "p"))
    store = await connect(f"unix://{directory / 'p'}")
    push = a_push()
    assert await PushLog(store).append([(push, "k")]) == [(push.id, False)]
    assert not cut.is_set(), "nothing was cut"
    assert len(await entries(store)) == 1
    await store.close()
    proxy.close()


async def test_each_host_reads_every_push(log: PushLog) -> None:
    push = a_push()
    await log.append([(push, "k")])
    for host in ("h1", "h2"):
        assert [id_ for _, id_ in await read(log, host)] == [push.id]


async def test_pushes_from_before_the_first_worker_are_read(log: PushLog) -> None:
    pushes = [a_push() for _ in range(3)]
    await log.append([(push, push.id) for push in pushes])
    assert [id_ for _, id_ in await read(log)] == [push.id for push in pushes]


async def test_unacknowledged_pushes_come_again_after_a_restart(
    store: Store, log: PushLog, ledger: Ledger
) -> None:
    first, second = a_push(), a_push()
    await log.append([(first, "a"), (second, "b")])
    entry = (await read(log))[0][0]
    await ledger.admit([], {}, pushes=[PushAck(entry_id=entry, push_id=first.id)])
    later = a_push()
    await log.append([(later, "c")])
    restarted = PushLog(store)
    assert [id_ for _, id_ in await read(restarted)] == [second.id]
    await ledger.admit(
        [], {}, pushes=[PushAck(entry_id=(await read(restarted))[0][0], push_id=second.id)]
    )
    assert [id_ for _, id_ in await read(restarted)] == [later.id]


async def test_an_undecodable_entry_does_not_block(store: Store, log: PushLog) -> None:
    await store.call("XADD", keys.PUSHES, "*", "push", '{"id": 1')
    await store.call("XADD", keys.PUSHES, "*", "other", "x")
    push = a_push()
    await log.append([(push, "k")])
    assert [id_ for _, id_ in await read(log)] == [push.id]
    assert (await store.call("XPENDING", keys.PUSHES, keys.group("h1")))[0] == 1
    assert [record.push.id for record in await Incoming(store).pushes(10)] == [push.id]


async def test_bytes_that_are_no_text_do_not_block(store: Store, log: PushLog) -> None:
    await store._client.execute_command("XADD", keys.PUSHES, "*", "push", b"\xff\xfe{")
    push = a_push()
    await log.append([(push, "k")])
    assert [id_ for _, id_ in await read(log)] == [push.id]


async def test_an_entry_trimmed_while_pending_does_not_block(store: Store, log: PushLog) -> None:
    await log.append([(a_push(), "a")])
    await read(log)
    await store.call("XTRIM", keys.PUSHES, "MAXLEN", 0)
    push = a_push()
    await log.append([(push, "b")])
    assert [id_ for _, id_ in await read(log)] == [push.id]


async def test_deleted_data_make_a_new_group(store: Store, log: PushLog) -> None:
    await log.append([(a_push(), "a")])
    assert await read(log)
    await store.call("FLUSHALL")
    push = a_push()
    await log.append([(push, "a")])
    assert [id_ for _, id_ in await read(log)] == [push.id]


async def test_data_deleted_while_a_reader_waits(store: Store, log: PushLog) -> None:
    await read(log)
    waiting = asyncio.create_task(log.read("h1", 10, 3))
    async with asyncio.timeout(2):
        while "blocked_clients:1" not in await store.call("INFO", "clients"):
            pass
    await store.call("FLUSHALL")
    assert await waiting == []
    push = a_push()
    await log.append([(push, "a")])
    assert [id_ for _, id_ in await read(log)] == [push.id]


async def test_a_waiting_reader_wakes_at_once(log: PushLog) -> None:
    await read(log)
    waiting = asyncio.create_task(log.read("h1", 10, 3))
    await asyncio.sleep(0.05)
    push = a_push()
    await log.append([(push, "k")])
    async with asyncio.timeout(2.5):  # well before its wait is over
        assert [found.id for _, found in await waiting] == [push.id]


async def test_a_cancelled_reader_loses_nothing(log: PushLog, ledger: Ledger) -> None:
    await read(log)
    for _ in range(20):
        waiting = asyncio.create_task(log.read("h1", 1, 3))
        await asyncio.sleep(0.002)
        push = a_push()
        await log.append([(push, push.id)])
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        ((entry, id_),) = await read(log)
        assert id_ == push.id
        await ledger.admit([], {}, pushes=[PushAck(entry_id=entry, push_id=id_)])


async def test_old_pushes_are_dropped(store: Store) -> None:
    for number in range(300):
        await store.call("XADD", keys.PUSHES, f"{number + 1}-1", "push", "old")
    await PushLog(store, max_age=60).append([(a_push(), "k")])
    assert len(await entries(store)) <= 101


async def test_a_dead_server_is_unavailable_and_then_back(server: Server, own_store: Store) -> None:
    log = PushLog(own_store)
    kept = a_push()
    await log.append([(kept, "a")])
    await read(log)
    server.kill()
    with pytest.raises(Unavailable, match="does not answer"):
        await log.append([(a_push(), "b")])
    with pytest.raises(Unavailable):
        await log.read("h1", 10, 0.1)
    server.start()
    assert [id_ for _, id_ in await read(log)] == [kept.id]
