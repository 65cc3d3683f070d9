"""Redis is killed in a burst of hooks: what got its 202 is there, and registries send the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout

from lab.redis_server import RedisServer
from listener.demo.app import Release, build
from listener.demo.listener import Listener
from listener.demo.ports import free_port
from listener.demo.registry import Notify, Registry
from listener.demo.ship import Api
from listener.demo.waiting import wait_for
from listener.store import Incoming, connect

HOOKS = 1_000
AT_ONCE = 32
TOKEN = "a-token-not-a-secret"


async def burst(url: str, redis: RedisServer) -> dict[int, list[str]]:
    """Posts all hooks, each until it is taken, with one crash of Redis in the middle.

    Answers what was told with each status: ids of pushes, or errors.
    """
    told: dict[int, list[str]] = {}
    numbers = iter(range(HOOKS))
    under_way, refused, back = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def sender(session: ClientSession) -> None:
        for number in numbers:
            if number == HOOKS // 3:
                under_way.set()
            body = {"image": f"registry.example.com/shop/api:v{number}"}
            while (status := await post(session, body)) != 202:
                assert status == 503
                refused.set()
                await back.wait()

    async def post(session: ClientSession, body: object) -> int:
        async with session.post(url, json=body) as answer:
            shown = await answer.json()
            pushes = shown.get("pushes") or [{"id": shown.get("error")}]
            told.setdefault(answer.status, []).append(pushes[0]["id"])
            return answer.status

    async def crash() -> None:
        await under_way.wait()
        await asyncio.to_thread(redis.kill)
        await refused.wait()
        await asyncio.to_thread(redis.start)
        back.set()

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        ClientSession(headers=headers, timeout=ClientTimeout(total=20)) as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(crash())
        for _ in range(AT_ONCE):
            group.create_task(sender(session))
    return told


async def stored(redis: RedisServer) -> tuple[set[str], set[str]]:
    """The ids of all pushes and the tags that were pushed to the registry."""
    store = await connect(redis.url)
    try:
        records = await Incoming(store).pushes(10_000)
        deliveries = await Incoming(store).deliveries(10_000, "ci")
    finally:
        await store.close()
    told = {push for delivery in deliveries for push in delivery.pushes}
    ids = {record.push.id for record in records}
    assert told <= ids, "a delivery names a push that is not there"
    return ids, {r.push.tag or "" for r in records if r.push.hook == "private"}


def test_no_push_that_got_its_202_is_lost(tmp_path: Path, redis_server: RedisServer) -> None:
    public, admin = free_port(), free_port()
    notify = Notify(f"http://127.0.0.1:{public}/hooks/private", TOKEN)
    settings = {
        "redis": redis_server.url,
        "hooks": {
            "ci": {"provider": "generic", "token": TOKEN},
            "private": {"provider": "distribution", "token": TOKEN},
        },
    }
    listener = Listener(tmp_path / "listener", settings, verb="serve", ports=(public, admin))
    image = build(Release("1"), {})
    with Registry(tmp_path, notify=notify) as registry, listener:
        answers = asyncio.run(burst(f"{listener.public}/hooks/ci", redis_server))
        assert set(answers) == {202, 503}
        assert len(set(answers[202])) == HOOKS
        ids, _ = asyncio.run(stored(redis_server))
        assert set(answers[202]) <= ids

        # A registry that was refused sends again by itself, in order.
        redis_server.kill()
        tags = {f"t{number}" for number in range(8)}
        for tag in sorted(tags):
            Api(registry).push("shop/web", tag, image)
        wait_for(
            lambda: listener.metric("listener_hook_requests_total", hook="private", code="503"),
            "the registry is told to come again",
        )
        redis_server.start()
        wait_for(
            lambda: asyncio.run(stored(redis_server))[1] == tags, "the registry delivers the rest"
        )
