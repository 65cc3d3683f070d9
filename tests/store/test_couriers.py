"""What people are told, over a real Redis and to a real HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks import Webhook

from listener.config import Settings
from listener.config.notifier import Notifier
from listener.config.settings import Admin
from listener.model.deployment import State, Trigger
from listener.store import Lane, Ledger, Store, keys
from listener.worker import couriers as module
from listener.worker.couriers import Couriers

from .conftest import a_deployment
from .telling import carried, ended, left

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Ops:
    """Who is told: it takes what comes, or answers with `refusals` first."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals: list[int] = []
        self.tried: list[str] = []
        self.taken: list[dict[str, object]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = Webhook(SECRET).verify(body, dict(request.headers))
        self.tried.append(request.headers["webhook-id"])
        if self.refusals:
            return web.Response(status=self.refusals.pop(0), headers={"Location": "/other"})
        self.taken.append(signed)
        return web.Response(status=204)

    def states(self) -> list[str]:
        return [str(one["type"]).removeprefix("deployment.") for one in self.taken]


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    one = Ops()
    app = web.Application()
    app.router.add_post("/in", one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    one.url = f"http://127.0.0.1:{port}/in"
    yield one
    await runner.cleanup()


def told(*notifiers: Notifier) -> Settings:
    return Settings(notify=notifiers, admin=Admin(url="https://listener.example.com"))


def by_webhook(url: str, *on: str) -> Notifier:
    asked = {"on": on} if on else {}
    return Notifier.model_validate({"url": url, "signing_secret": SecretStr(SECRET), **asked})


async def test_a_state_that_matters_is_told_once_with_all_that_one_needs(
    ledger: Ledger, ops: Ops
) -> None:
    async with carried(ledger, told(by_webhook(ops.url))):
        good, bad = ended(State.SUCCEEDED), ended(State.ROLLED_BACK, tag="v2", to_digest="sha256:b")
        await ledger.finish(good, lanes={"web": Lane()})
        await ledger.finish(bad, lanes={"web": Lane()})
        # As it is written again where the first answer of Redis was lost.
        await ledger.finish(bad, lanes={"web": Lane()})
        await left(ledger)
    assert ops.states() == ["rolled_back"]
    data = ops.taken[0]["data"]
    assert isinstance(data, dict)
    assert data.pop("queued_at").endswith("Z")
    assert data == {
        "id": bad.id,
        "target": "web",
        "host": "h1",
        "trigger": "push",
        "image": "docker.io/team/web",
        "tag": "v2",
        "from_digest": None,
        "to_digest": "sha256:b",
        "state": "rolled_back",
        "reason": "why",
        "started_at": None,
        "finished_at": ops.taken[0]["timestamp"],
        "source": None,
        "link": f"https://listener.example.com/#/deployments/{bad.id}",
    }


async def test_what_is_not_taken_comes_again_in_order_under_the_same_id(
    ledger: Ledger, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.05)
    ops.refusals = [500, 302, 404]
    first, second = ended(State.FAILED), ended(State.ROLLED_BACK)
    async with carried(ledger, told(by_webhook(ops.url))):
        await ledger.finish(first, lanes={"web": Lane()})
        await ledger.finish(second, lanes={"web": Lane()})
        await left(ledger)
    assert ops.states() == ["failed", "rolled_back"]
    assert ops.tried == [f"{first.id}.failed"] * 4 + [f"{second.id}.rolled_back"]


async def test_one_that_is_gone_for_good_is_not_tried_again(ledger: Ledger, ops: Ops) -> None:
    ops.refusals = [410]
    async with carried(ledger, told(by_webhook(ops.url))):
        await ledger.finish(ended(State.FAILED), lanes={"web": Lane()})
        await left(ledger)
    assert len(ops.tried) == 1


async def test_a_broken_one_is_in_nobodys_way_and_is_made_good_after_a_restart(
    ledger: Ledger, ops: Ops
) -> None:
    broken = by_webhook("http://127.0.0.1:1/in")
    async with carried(ledger, told(broken, by_webhook(ops.url))):
        await ledger.finish(ended(State.FAILED), lanes={"web": Lane()})
        await left(ledger, 1)
    assert ops.states() == ["failed"]
    [entry] = await ledger.outbox()
    assert entry.notifier == broken.key
    assert "127.0.0.1" not in entry.notifier, "an address may be a secret"
    # It is no longer in the configuration: nobody is told, and nothing stays behind.
    async with carried(ledger, told(by_webhook(ops.url))):
        await left(ledger)
    assert ops.states() == ["failed"]


async def test_on_chooses_and_a_dry_run_is_nobodys_business(ledger: Ledger, ops: Ops) -> None:
    async with carried(ledger, told(by_webhook(ops.url, "waiting", "succeeded"))):
        await ledger.hold(a_deployment(state=State.WAITING, reason="waits for approval"))
        await ledger.finish(ended(State.SUCCEEDED, dry_run=True), lanes={"web": Lane()})
        await ledger.finish(ended(State.FAILED), lanes={"web": Lane()})
        await ledger.finish(ended(State.SUCCEEDED), lanes={"web": Lane()})
        await left(ledger)
    assert ops.states() == ["waiting", "succeeded"]


async def test_the_same_failure_found_again_is_no_change(ledger: Ledger, ops: Ops) -> None:
    async with carried(ledger, told(by_webhook(ops.url))):
        for trigger in (Trigger.PUSH, Trigger.RECONCILE, Trigger.RECONCILE):
            await ledger.finish(ended(State.FAILED, trigger=trigger), lanes={"web": Lane()})
        await left(ledger)
    assert ops.states() == ["failed"]


async def test_the_outbox_keeps_the_newest(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "OUTBOX_CAP", 3)
    couriers = Couriers(told(by_webhook("http://127.0.0.1:1/in")), ledger)
    ledger.notices = couriers.notices
    made = [ended(State.FAILED, target=f"t{number}") for number in range(5)]
    for one in made:
        await ledger.finish(one, lanes={one.target: Lane()})
    assert [entry.notice.deployment for entry in await ledger.outbox()] == [
        one.id for one in made[2:]
    ]
