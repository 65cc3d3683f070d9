"""The admin API over HTTP and a real Redis: what callers get, and what workers are told."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from lab.redis_server import RedisServer
from listener.model.base import utc_now
from listener.model.delivery import Delivery
from listener.model.deployment import State, Step, Trigger
from listener.model.push import Match, Push
from listener.model.target import Bad, Good, Memory, Pause
from listener.model.view import LastDeployment
from listener.store import Command, PushAck
from tests.unit.conftest import DIGESTS, Panel, a_deployment, a_view

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def get(http: ClientSession, panel: Panel, path: str) -> tuple[int, Any]:
    async with http.get(f"{panel.url}{path}") as answer:
        return answer.status, json.loads(await answer.read())


async def post(
    http: ClientSession, panel: Panel, path: str, body: object = None
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body) if body is not None else None
    async with http.post(f"{panel.url}{path}", data=data) as answer:
        return answer.status, json.loads(await answer.read())


async def commands(panel: Panel, host: str = "h1") -> list[Command]:
    return [command for _, command in await (await panel.ledger(host)).read_commands(0.01)]


async def test_a_target_has_every_field_of_the_contract(http: ClientSession, panel: Panel) -> None:
    last = LastDeployment(id="x", state=State.SUCCEEDED, finished_at=utc_now())
    await panel.publish(a_view(last_deployment=last, last_good_digest=DIGESTS[2]))
    status, body = await get(http, panel, "/api/v1/targets")
    (entry,) = body["targets"]
    assert status == 200
    assert RFC3339.fullmatch(entry["last_deployment"].pop("finished_at"))
    assert entry == {
        "name": "web",
        "host": "h1",
        "driver": "container",
        "image": "registry.example.com/team/web",
        "tag": "latest",
        "policy": None,
        "digest": DIGESTS[1],
        "last_good_digest": DIGESTS[2],
        "since": None,
        "health": "healthy",
        "state": "idle",
        "reason": None,
        "last_deployment": {
            "id": "x",
            "state": "succeeded",
            "reason": None,
        },
    }
    again = (await get(http, panel, "/api/v1/targets/web"))[1]
    assert [each["name"] for each in again["targets"]] == ["web"]


async def test_a_name_on_two_hosts_must_say_which(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    await panel.publish(a_view(host="h2"), host="h2")
    status, body = await get(http, panel, "/api/v1/targets/web")
    assert status == 409
    assert "web@h1 or web@h2" in body["error"]
    status, body = await post(http, panel, "/api/v1/targets/web@h2/deploy")
    assert status == 202
    assert not await commands(panel, "h1")
    (command,) = await commands(panel, "h2")
    assert command.deployment.id == body["id"]


async def test_an_unknown_target_is_answered_with_a_near_name(
    http: ClientSession, panel: Panel
) -> None:
    await panel.publish(a_view())
    for path in ("/api/v1/targets/wbe", "/api/v1/deployments?target=wbe"):
        status, body = await get(http, panel, path)
        assert status == 404
        assert body == {"error": "there is no target 'wbe' (did you mean \"web\"?)"}
    _, body = await get(http, panel, "/api/v1/targets/billing")
    remedy = "`listener targets` lists those that there are"
    assert body == {"error": f"there is no target 'billing': {remedy}"}


async def test_deploy_queues_what_was_asked_for(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    order = {"tag": "v2", "digest": DIGESTS[3], "force": True, "dry_run": True}
    status, body = await post(http, panel, "/api/v1/targets/web/deploy", order)
    assert status == 202
    (command,) = await commands(panel)
    made = command.deployment
    assert (command.kind, made.trigger, made.tag) == ("deploy", Trigger.MANUAL, "v2")
    assert (made.to_digest, made.from_digest) == (DIGESTS[3], DIGESTS[1])
    assert made.force
    assert made.dry_run
    status, shown = await get(http, panel, f"/api/v1/deployments/{body['id']}")
    assert (status, shown["state"], shown["trigger"]) == (200, "queued", "manual")


async def test_rollback_goes_to_a_named_digest_or_leaves_it_to_the_worker(
    http: ClientSession, panel: Panel
) -> None:
    await panel.publish(a_view())
    assert (await post(http, panel, "/api/v1/targets/web/rollback"))[0] == 202
    order = {"digest": DIGESTS[4]}
    assert (await post(http, panel, "/api/v1/targets/web/rollback", order))[0] == 202
    last_good, named = await commands(panel)
    assert (last_good.kind, last_good.digest, last_good.deployment.to_digest) == (
        "rollback",
        None,
        None,
    )
    assert (named.digest, named.deployment.trigger) == (DIGESTS[4], Trigger.ROLLBACK)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is not JSON"),
        (b"[]", "the body must be a JSON object like {}"),
        ({"tga": "v1"}, 'unknown key "tga" (did you mean "tag"?)'),
        ({"tag": "not a tag"}, "tag: 'not a tag' is not a tag"),
        ({"digest": "sha256:12"}, "digest: 'sha256:12' is not a digest"),
        ({"force": "yes"}, "force: input should be a valid boolean"),
        ({"tag": 1}, "tag: input should be a valid string"),
    ],
)
async def test_a_wrong_body_is_named(
    http: ClientSession, panel: Panel, body: object, sentence: str
) -> None:
    await panel.publish(a_view())
    status, answer = await post(http, panel, "/api/v1/targets/web/deploy", body)
    assert status == 400
    assert answer["error"].startswith(sentence)
    assert not await commands(panel)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("stat=failed", "unknown query argument 'stat' (did you mean \"state\"?)"),
        ("state=faild", "state: 'faild' is not a state (did you mean \"failed\"?)"),
        ("limit=0", "limit: '0' is not a number from 1 to 500"),
        ("limit=x", "limit: 'x' is not a number from 1 to 500"),
        ("before=yesterday", "before: 'yesterday' is not the id of a deployment"),
    ],
)
async def test_a_wrong_query_is_named(
    http: ClientSession, panel: Panel, query: str, sentence: str
) -> None:
    status, body = await get(http, panel, f"/api/v1/deployments?{query}")
    assert (status, body) == (400, {"error": sentence})


async def test_deployments_are_newest_first_and_filtered(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view(), a_view("api"))
    ids: list[str] = []
    for number in range(4):
        target, state = ("api", State.FAILED) if number == 1 else ("web", State.SUCCEEDED)
        made = a_deployment(target, id=f"20260101-00000{number}-000-0000000{number}", state=state)
        await panel.record(made)
        ids.insert(0, made.id)

    async def found(query: str) -> list[str]:
        body = (await get(http, panel, f"/api/v1/deployments?{query}"))[1]
        return [each["id"] for each in body["deployments"]]

    assert await found("") == ids
    assert await found("target=web") == [ids[0], ids[1], ids[3]]
    assert await found("target=web@h1&limit=1") == ids[:1]
    assert await found("state=failed") == [ids[2]]
    assert await found(f"limit=2&before={ids[1]}") == ids[2:]


async def test_one_deployment_has_its_steps_and_logs(http: ClientSession, panel: Panel) -> None:
    step = Step(name="pull", started_at=utc_now(), detail="3 layers")
    made = a_deployment(steps=(step,), logs=("boom",), gap_seconds=0.4, reason="it exited")
    await panel.record(made)
    body = (await get(http, panel, f"/api/v1/deployments/{made.id}"))[1]
    assert body["logs"] == ["boom"]
    assert body["gap_seconds"] == 0.4
    assert RFC3339.fullmatch(body["queued_at"])
    assert RFC3339.fullmatch(body["steps"][0].pop("started_at"))
    assert body["steps"] == [
        {"name": "pull", "finished_at": None, "detail": "3 layers", "progress": None}
    ]
    contract = "id target host trigger image tag from_digest to_digest state reason queued_at "
    contract += "started_at finished_at gap_seconds steps"
    assert set(contract.split()) <= body.keys()


async def test_a_deployment_is_cancelled_until_it_has_ended(
    http: ClientSession, panel: Panel
) -> None:
    running = a_deployment(state=State.PULLING)
    ended = a_deployment(state=State.SUCCEEDED)
    await panel.record(running)
    await panel.record(ended)
    path = "/api/v1/deployments/{}/cancel"
    status, body = await post(http, panel, path.format(running.id))
    assert (status, body["id"], body["state"]) == (200, running.id, "pulling")
    (command,) = await commands(panel)
    assert (command.kind, command.deployment.id) == ("cancel", running.id)
    status, body = await post(http, panel, path.format(ended.id))
    assert (status, body["error"]) == (409, f"{ended.id} has ended already: it is succeeded")
    await panel.record(running.model_copy(update={"state": State.WATCHING}))
    status, body = await post(http, panel, path.format(running.id))
    assert status == 409
    assert "`listener rollback web` takes it back" in body["error"]
    assert (await post(http, panel, path.format("20260101-000000-000-00000000")))[0] == 404


async def test_a_pause_shows_at_once_and_ends(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    status, _ = await post(http, panel, "/api/v1/targets/web/pause", {"reason": "Friday"})
    assert status == 200
    (entry,) = (await get(http, panel, "/api/v1/targets"))[1]["targets"]
    assert (entry["state"], entry["reason"]) == ("paused", "Friday")
    assert isinstance((await panel.archive.pauses())["web", "h1"], Pause)
    assert (await post(http, panel, "/api/v1/targets/web/resume"))[0] == 200
    assert (await post(http, panel, "/api/v1/targets/web/resume"))[0] == 200
    (entry,) = (await get(http, panel, "/api/v1/targets"))[1]["targets"]
    assert (entry["state"], entry["reason"]) == ("idle", None)


async def test_an_invalid_target_takes_no_deployment(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view(state="invalid", reason="two tags"))
    status, body = await post(http, panel, "/api/v1/targets/web/deploy")
    assert (status, body) == (409, {"error": "web cannot be deployed: two tags"})


async def test_pushes_say_where_from_and_what_they_matched(
    http: ClientSession, panel: Panel
) -> None:
    ledger = await panel.ledger()
    push = Push(
        id="p1",
        hook="hub",
        provider="dockerhub",
        image="docker.io/team/web",
        tag="v1",
        actor="ci",
        received_at=utc_now(),
    )
    await panel.pushes.append([(push, "key")])
    await panel.pushes.read("h1", 1, 0)
    ((entry_id, _),) = await panel.pushes.read("h1", 1, 1)
    match = Match(target="web", host="h1", deployment="d1")
    await ledger.admit([], {}, pushes=[PushAck(entry_id=entry_id, push_id="p1", matches=(match,))])
    (entry,) = (await get(http, panel, "/api/v1/pushes?limit=5"))[1]["pushes"]
    assert RFC3339.fullmatch(entry["received_at"])
    assert (entry["hook"], entry["actor"], entry["targets"]) == ("hub", "ci", ["web"])
    assert entry["matches"] == [{"target": "web", "host": "h1", "deployment": "d1", "reason": None}]


async def delivered(panel: Panel) -> tuple[Delivery, Push]:
    now = utc_now()
    push = Push(
        id="p1", hook="hub", provider="dockerhub", image="docker.io/a/b", tag="1", received_at=now
    )
    delivery = Delivery(
        id="d1", hook="hub", provider="dockerhub", received_at=now, code=202, outcome="stored"
    )
    await panel.pushes.append([(push, "key")], [(delivery, 1)])
    return delivery, push


async def test_deliveries_say_what_came_of_each_request(http: ClientSession, panel: Panel) -> None:
    await delivered(panel)
    (entry,) = (await get(http, panel, "/api/v1/deliveries?limit=5&hook=hub"))[1]["deliveries"]
    assert RFC3339.fullmatch(entry.pop("received_at"))
    assert entry == {
        "id": "d1",
        "hook": "hub",
        "provider": "dockerhub",
        "code": 202,
        "outcome": "stored",
        "reason": None,
        "pushes": ["p1"],
        "milliseconds": 0.0,
        "peer": None,
    }
    assert (await get(http, panel, "/api/v1/deliveries?hook=other"))[1] == {"deliveries": []}


@pytest.mark.parametrize("asked", ["p1", "d1"])
async def test_a_push_is_done_over(http: ClientSession, panel: Panel, asked: str) -> None:
    await delivered(panel)
    await panel.pushes.read("h1", 1, 0)
    status, body = await post(http, panel, f"/api/v1/pushes/{asked}/replay")
    assert status == 202
    pushes = (await get(http, panel, "/api/v1/pushes"))[1]["pushes"]
    assert [(push["id"], push["replay_of"]) for push in pushes] == [
        (body["pushes"][0], "p1"),
        ("p1", None),
    ]
    assert [push.image for _, push in await panel.pushes.read("h1", 9, 1)] == ["docker.io/a/b"] * 2
    deliveries = (await get(http, panel, "/api/v1/deliveries"))[1]["deliveries"]
    assert [one["outcome"] for one in deliveries] == ["replayed", "stored"]


async def test_what_is_not_kept_cannot_be_done_over(http: ClientSession, panel: Panel) -> None:
    status, body = await post(http, panel, "/api/v1/pushes/p9/replay")
    assert status == 404
    assert body["error"].startswith("there is no push 'p9' to do over")


async def test_hosts_show_what_waits_for_them(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    await post(http, panel, "/api/v1/targets/web/deploy")
    (entry,) = (await get(http, panel, "/api/v1/hosts"))[1]["hosts"]
    assert RFC3339.fullmatch(entry.pop("last_seen"))
    assert entry.pop("queue_oldest_seconds") < 60
    assert entry == {
        "name": "h1",
        "alive": True,
        "engine_version": "20.10.24",
        "running": [],
        "queue_depth": 1,
    }


async def test_a_host_is_forgotten_only_when_it_is_gone(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    url = f"{panel.url}/api/v1/hosts/h1"
    async with http.delete(url) as answer:
        assert answer.status == 409
        assert "h1 is alive" in (await answer.json())["error"]
    await panel.away()
    (entry,) = (await get(http, panel, "/api/v1/hosts"))[1]["hosts"]
    assert entry["alive"] is False
    async with http.delete(url) as answer:
        assert (answer.status, await answer.json()) == (200, {"host": "h1", "forgotten": True})
    assert (await get(http, panel, "/api/v1/hosts"))[1] == {"hosts": []}
    assert (await get(http, panel, "/api/v1/targets"))[1] == {"targets": []}
    async with http.delete(url) as answer:
        assert answer.status == 404


async def test_unknown_paths_and_methods_are_sentences(http: ClientSession, panel: Panel) -> None:
    status, body = await get(http, panel, "/api/v1/target")
    assert status == 404
    assert body["error"].startswith("there is no /api/v1/target here (did you mean")
    status, body = await post(http, panel, "/api/v1/hosts")
    assert status == 405
    assert "does not take POST, only GET" in body["error"]


async def test_redis_away_is_503_and_probes_tell(
    http: ClientSession, panel: Panel, redis_server: RedisServer
) -> None:
    redis_server.stop()
    async with http.get(f"{panel.url}/api/v1/targets") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert "Redis" in (await answer.json())["error"]
    async with http.get(f"{panel.url}/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")


async def test_ready_only_without_problems(
    http: ClientSession, panel: Panel, redis_server: RedisServer
) -> None:
    async with http.get(f"{panel.url}/readyz") as answer:
        assert answer.status == 200
        assert await answer.text() == f"ok, with Redis at 127.0.0.1:{redis_server.port}"
    panel.problems.append("the engine does not answer")
    status, body = await get(http, panel, "/readyz")
    assert (status, body) == (503, {"error": "not ready: the engine does not answer"})


async def test_a_strip_shows_the_newest_outcomes_of_each_target(
    http: ClientSession, panel: Panel
) -> None:
    await panel.publish(a_view(), a_view("api"))
    states = [State.SUCCEEDED, State.ROLLED_BACK, State.FAILED]
    made = [
        a_deployment(id=f"20260101-00000{number}-000-0000000{number}", state=state)
        for number, state in enumerate(states)
    ]
    for deployment in made:
        await panel.record(deployment)
    running = a_deployment(state=State.PULLING)
    await panel.record(running)
    for state in ("pulling", "succeeded"):
        body = (await get(http, panel, "/api/v1/targets?recent=3"))[1]
        strips = {each["name"]: each["recent"] for each in body["targets"]}
        assert strips["api"] == []
        assert [each["state"] for each in strips["web"]] == [state, "failed", "rolled_back"]
        await panel.record(running.model_copy(update={"state": State.SUCCEEDED}))
    status, body = await get(http, panel, "/api/v1/targets?recent=all")
    assert (status, body) == (400, {"error": "recent: 'all' is not a number from 1 to 50"})


async def test_what_a_target_can_go_back_to(http: ClientSession, panel: Panel) -> None:
    await panel.publish(a_view())
    config = {"Env": ["SECRET=x"]}
    good = Good(digest=DIGESTS[1], tag="v1", deployment="d1", at=utc_now(), image_config=config)
    bad = Bad(digest=DIGESTS[2], deployment="d2", reason="it was sick", at=utc_now())
    await (await panel.ledger()).remember("web", Memory(good=(good,), bad=(bad,)))
    status, body = await get(http, panel, "/api/v1/targets/web/digests")
    assert status == 200
    assert RFC3339.fullmatch(body["good"][0].pop("at"))
    assert body["good"] == [{"digest": DIGESTS[1], "tag": "v1", "deployment": "d1"}]
    assert (body["bad"][0]["digest"], body["bad"][0]["reason"]) == (DIGESTS[2], "it was sick")
