"""The stream of events over HTTP and a real Redis: live, resumed, and cut off where it must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, ClientSession

from lab.redis_server import RedisServer
from listener.model.base import utc_now
from listener.model.deployment import State, Step
from listener.model.push import Push
from listener.store import keys
from listener.web import broadcast, events
from tests.unit.conftest import MakePanel, Panel, a_deployment, a_view

SECONDS = 10


@dataclass
class Event:
    kind: str = "message"
    id: str | None = None
    data: Any = None


class Stream:
    """Reads events as a browser does."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer
        self.last_id: str | None = None

    async def next(self) -> Event:
        event = Event()
        async with asyncio.timeout(SECONDS):
            while (line := (await self.answer.content.readline()).decode()) != "\n":
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(": ")
                if name == "event":
                    event.kind = value
                elif name == "id":
                    event.id = self.last_id = value
                elif name == "data":
                    event.data = json.loads(value)
        return event if event.data is not None else await self.next()

    async def until(self, kind: str) -> Event:
        while (event := await self.next()).kind != kind:
            pass
        return event

    async def until_id(self, id: str) -> None:
        """What was missed may come twice, never less than once."""
        while (await self.next()).data.get("id") != id:
            pass


@asynccontextmanager
async def listening(
    panel: Panel, last: str | None = None, first: str = "ready"
) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last} if last else {}
    async with (
        ClientSession() as http,
        http.get(f"{panel.url}/api/v1/events", headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        stream = Stream(answer)
        if first:
            assert (await stream.next()).kind == first
        yield stream


async def a_pushed_image(panel: Panel, id: str = "p1") -> None:
    push = Push(
        id=id, hook="hub", provider="dockerhub", image="docker.io/a/b", tag="1",
        received_at=utc_now(),
    )  # fmt: skip
    await panel.pushes.append([(push, id)])


async def test_every_kind_of_change_comes_in_the_shape_of_the_api(panel: Panel) -> None:
    async with listening(panel) as stream:
        await panel.publish(a_view())
        target = await stream.until("target")
        assert (target.data["name"], target.data["health"]) == ("web", "healthy")
        assert (await stream.until("host")).data["name"] == "h1"
        step = Step(name="pull", started_at=utc_now(), detail="1 of 3 layers")
        made = a_deployment(state=State.PULLING, steps=(step,))
        await panel.record(made)
        deployment = await stream.until("deployment")
        assert (deployment.data["id"], deployment.data["state"]) == (made.id, "pulling")
        assert deployment.data["steps"][0]["detail"] == "1 of 3 layers"
        await a_pushed_image(panel)
        assert (await stream.until("push")).data["hook"] == "hub"
        async with ClientSession() as http:
            await http.post(f"{panel.url}/api/v1/targets/web/pause")
        assert (await stream.until("target")).data["state"] == "paused"
        await panel.publish()
        assert (await stream.until("target_removed")).data == {"name": "web", "host": "h1"}


async def test_who_was_away_hears_what_it_missed(panel: Panel) -> None:
    async with listening(panel) as stream:
        last = stream.last_id
    made = a_deployment()
    for state in (State.QUEUED, State.PULLING, State.SUCCEEDED):
        await panel.record(made.model_copy(update={"state": state}))
    await a_pushed_image(panel)
    async with listening(panel, last, first="deployment") as stream:
        assert (await stream.next()).kind == "push"
        assert (await stream.next()).kind == "ready"
        again = stream.last_id
        newer = a_deployment()
        await panel.record(newer)
        await stream.until_id(newer.id)
        while stream.last_id == again:
            await stream.next()


async def test_who_was_away_too_long_is_told_to_read_anew(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await panel.record(a_deployment())
    async with listening(panel) as stream:
        last = stream.last_id
    for _ in range(4):
        await panel.record(a_deployment())
    with monkeypatch.context() as small:
        small.setattr(broadcast, "_FLOOD", 3)
        async with listening(panel, last, first="reset"):
            pass
    await panel.store.call("XTRIM", keys.EVENTS, "MAXLEN", 1)
    async with listening(panel, last, first="reset") as stream:
        newer = a_deployment()
        await panel.record(newer)
        await stream.until_id(newer.id)


async def test_a_flood_is_one_reset(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "_FLOOD", 20)
    monkeypatch.setattr(broadcast, "_AFTER_FLOOD", 0.05)
    async with listening(panel) as stream:
        await panel.pushes.append([
            (
                Push(id=f"p{n}", hook="h", provider="p", image="docker.io/a/b", tag="1",
                     received_at=utc_now()),
                f"k{n}",
            )
            for n in range(50)
        ])  # fmt: skip
        assert (await stream.next()).kind == "reset"
        made = a_deployment()
        await panel.record(made)
        assert (await stream.next()).data["id"] == made.id


async def test_a_stream_outlives_redis(panel: Panel, redis_server: RedisServer) -> None:
    async with listening(panel) as stream:
        redis_server.kill()
        redis_server.start()
        made = a_deployment()
        await panel.record(made)
        assert (await stream.until("deployment")).data["id"] == made.id
        redis_server.lose_everything()
        redis_server.start()
        assert (await stream.next()).kind == "reset"


async def test_many_listen_to_one_reader(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_MOST", 20)
    async with ClientSession() as http:
        url = f"{panel.url}/api/v1/events"
        streams = [Stream(await http.get(url)) for _ in range(20)]
        for stream in streams:
            assert (await stream.next()).kind == "ready"
        readers = [task for task in asyncio.all_tasks() if task.get_name() == "events"]
        assert len(readers) == 1
        async with http.get(url) as answer:
            assert answer.status == 503
            assert "20 streams" in (await answer.json())["error"]
        made = a_deployment()
        await panel.record(made)
        for stream in streams:
            assert (await stream.next()).data["id"] == made.id
            stream.answer.close()


async def test_who_reads_too_slowly_is_cut_off_and_may_come_back(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = asyncio.Event()
    leave = broadcast.Broadcast.leave

    def leave_and_tell(self: broadcast.Broadcast, ear: broadcast.Ear) -> None:
        leave(self, ear)
        given_up.set()

    with monkeypatch.context() as hasty:
        hasty.setattr(events, "_PATIENCE", 0.2)
        hasty.setattr(broadcast.Broadcast, "leave", leave_and_tell)
        async with listening(panel) as stream:
            for _ in range(100):  # far more than the buffers between the two hold
                await panel.record(a_deployment(reason="x" * 300_000))
            async with asyncio.timeout(SECONDS):  # what a slow reader does
                await given_up.wait()
            with pytest.raises((EOFError, ClientError)):
                await stream.until("the end")
    async with listening(panel, stream.last_id, first="") as stream:
        assert (await stream.until("ready")).kind == "ready"


async def test_nothing_is_read_where_nobody_listens(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_HEARTBEAT", 0.05)
    monkeypatch.setattr(broadcast, "_BLOCK", 0.05)
    async with listening(panel):
        (reader,) = [task for task in asyncio.all_tasks() if task.get_name() == "events"]
    async with asyncio.timeout(SECONDS):
        await reader


async def test_a_stream_needs_the_token_and_a_place_that_is_one(make_panel: MakePanel) -> None:
    panel = await make_panel(token="a-token-not-a-secret")
    url = f"{panel.url}/api/v1/events"
    right = {"Authorization": "Bearer a-token-not-a-secret"}
    async with ClientSession() as http:
        async with http.get(url) as answer:
            assert answer.status == 401
        async with http.get(url, headers={**right, "Last-Event-ID": "yesterday"}) as answer:
            assert answer.status == 400
            assert "is not the id of an event" in (await answer.json())["error"]
