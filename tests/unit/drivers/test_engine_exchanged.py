"""An engine that is upgraded, downgraded or replaced under a program that goes on running."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, NotFound


def refusal(status: int, message: str) -> web.Response:
    body = json.dumps({"message": message}).encode()
    return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})


@dataclass
class FakeEngine:
    """Speaks a range of versions, as engines do, and has no containers but one called web."""

    lowest: int = 24
    newest: int = 41
    engine_id: str = "one"
    driver: str = "overlay2"
    changes: list[str] = field(default_factory=list)
    proxy: int = 0
    """With which status a proxy before it says that the engine is away."""

    async def serve(self, request: web.Request) -> web.Response:
        if self.proxy:
            page = "<html><body><h1>No server is available</h1></body></html>"
            return web.Response(status=self.proxy, text=page, content_type="text/html")
        asked, _, path = request.path.removeprefix("/").partition("/")
        if asked == "version":
            said = {"ApiVersion": f"1.{self.newest}", "MinAPIVersion": f"1.{self.lowest}"}
            return web.json_response(said)
        minor = int(asked.removeprefix("v1."))
        if not self.lowest <= minor <= self.newest:
            fault = "old. Minimum" if minor < self.lowest else "new. Maximum"
            return refusal(400, f"client version 1.{minor} is too {fault} supported API version is")
        if path == "info":
            return web.json_response({"ID": self.engine_id, "DriverStatus": [["", self.driver]]})
        if path.endswith(("containers/json", "images/json", "networks")):
            return web.json_response([])
        if "nothing" in path:
            return refusal(404, "no such container: nothing")
        if request.method == "POST":
            self.changes.append(path)
            return web.Response(status=204)
        return web.json_response({"Id": "web"})


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeEngine, Engine]]:
    far = FakeEngine()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", far.serve)
    async with TestServer(app, host="127.0.0.1") as server:
        engine = Engine(str(server.make_url("")).rstrip("/"))
        await engine.connect()
        yield far, engine
        await engine.close()


@pytest.mark.parametrize(("lowest", "newest"), [(44, 49), (24, 40)], ids=["upgraded", "downgraded"])
async def test_another_version_is_away_once_and_then_agreed_with(
    fake: tuple[FakeEngine, Engine], lowest: int, newest: int
) -> None:
    far, engine = fake
    assert engine.api == (1, 41)
    far.lowest, far.newest, far.driver = lowest, newest, "io.containerd.snapshotter.v1"
    with pytest.raises(EngineAway, match=r"speaks another API now: client version 1\.41 is too"):
        await engine.start("web")
    assert not far.changes
    await engine.start("web")
    assert far.changes == ["containers/web/start"]
    assert engine.api == (1, newest)
    assert engine.containerd_store, "an upgrade may bring the other store"
    assert not engine.exchanged.is_set()


async def test_one_that_asks_for_more_than_this_program_knows_stays_away_and_may_come_back(
    fake: tuple[FakeEngine, Engine],
) -> None:
    far, engine = fake
    far.lowest, far.newest = 60, 61
    for said in ("speaks another API now", "a newer version of this program is needed"):
        with pytest.raises(EngineAway, match=said):
            await engine.inspect_container("web")
    far.lowest, far.newest = 24, 41
    assert await engine.inspect_container("web") == {"Id": "web"}


async def test_nothing_is_changed_at_another_engine_with_the_same_address(
    fake: tuple[FakeEngine, Engine],
) -> None:
    far, engine = fake
    # What this program calls it may be more than the engine's own id.
    engine.engine_id = "swarm-0badcafe"
    far.lowest, far.newest, far.engine_id = 44, 49, "two"
    for _ in range(3):
        with pytest.raises(EngineAway):
            await engine.start("web")
    assert not far.changes
    assert engine.exchanged.is_set(), "the lease of the first one is of no use for it"
    await engine.connect()
    assert engine.engine_id == "two"
    assert not engine.exchanged.is_set()
    await engine.start("web")


async def test_a_file_is_not_taken_for_absent_because_of_a_version(
    fake: tuple[FakeEngine, Engine],
) -> None:
    far, engine = fake
    with pytest.raises(NotFound):
        await engine.file_stat("nothing", "/etc/motd")
    far.lowest, far.newest = 44, 49
    with pytest.raises(EngineAway):
        await engine.file_stat("web", "/etc/motd")


async def test_other_refusals_are_refusals(fake: tuple[FakeEngine, Engine]) -> None:
    _, engine = fake
    with pytest.raises(NotFound, match="no such container: nothing"):
        await engine.inspect_container("nothing")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (502, "does not answer: status 502"),
        (503, "does not answer: status 503"),
        (504, "gave no answer to GET containers/web/json within 15 s$"),
    ],
)
async def test_a_proxy_that_does_not_reach_the_engine_says_that_it_is_away(
    fake: tuple[FakeEngine, Engine], status: int, said: str
) -> None:
    far, engine = fake
    far.proxy = status
    with pytest.raises(EngineAway, match=said):
        await engine.inspect_container("web")
    far.proxy = 0
    assert (await engine.inspect_container("web"))["Id"] == "web"
