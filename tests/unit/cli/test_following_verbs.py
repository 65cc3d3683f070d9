"""The verbs that follow: events as they come, the lines of what failed, what a shell completes."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from listener.cli.client import Client
from listener.cli.follow import _progress, follow
from listener.model.base import rfc3339, utc_now
from listener.model.deployment import State
from listener.web.shapes import deployment_json
from tests.unit.cli.conftest import Shell
from tests.unit.conftest import Panel, a_deployment, a_view


@pytest.fixture
def shell(shell: Shell, panel: Panel) -> Shell:
    shell.environ["LISTENER_URL"] = panel.url
    return shell


async def test_events_come_as_they_happen_and_go_on_from_an_id(shell: Shell, panel: Panel) -> None:
    process = await shell.start("events", "--follow", "--json")
    assert process.stdout is not None

    async def event(kind: str) -> dict[str, object]:
        async with asyncio.timeout(30):
            while True:
                assert process.stdout is not None
                told = json.loads(await process.stdout.readline())
                if told["event"] == kind:
                    return dict(told)

    ready = await event("ready")
    await panel.publish(a_view())
    target = await event("target")
    assert target["data"]["name"] == "web"  # type: ignore[index]
    process.kill()
    await process.wait()

    end = await shell.run("events", "--since", str(ready["id"]))
    assert end.code == 0, end.err
    assert "target web@h1: idle, healthy" in end.out
    assert (await shell.run("events")).code == 2


async def test_a_server_that_cannot_answer_for_a_moment_does_not_end_a_wait() -> None:
    made = deployment_json(a_deployment(state=State.SUCCEEDED, reason="healthy"))
    answers = [(503, {"error": "Redis does not answer"}), (200, made)]

    async def answer(_: web.Request) -> web.Response:
        status, content = answers.pop(0)
        return web.json_response(content, status=status)

    app = web.Application()
    app.router.add_get("/api/v1/deployments/{id}", answer)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        ClientSession() as http,
    ):
        client = Client(str(server.make_url("")).rstrip("/"), http)
        await follow(client, made["id"], timeout=30, as_json=True)
    assert answers == []


async def test_the_lines_of_what_failed(shell: Shell, panel: Panel) -> None:
    made = a_deployment(state=State.ROLLED_BACK, logs=("first \x1b[2J line", "last line"))
    await panel.publish(a_view())
    await panel.record(made)
    end = await shell.run("logs", made.id)
    assert "\x1b" not in end.out
    assert end.out.endswith("last line\n")
    assert (await shell.run("logs", made.id, "--json")).json["logs"][1] == "last line"


async def test_a_shell_completes_verbs(shell: Shell) -> None:
    assert "_LISTENER_COMPLETE=bash_complete" in (await shell.run("completion", "bash")).out
    shell.environ |= {"_LISTENER_COMPLETE": "bash_complete", "COMP_WORDS": "listener ro"}
    shell.environ["COMP_CWORD"] = "1"
    assert "rollback" in (await shell.run()).out


def test_a_step_under_way_says_how_far_it_is() -> None:
    layer = {
        "id": "5a589cebe8f3",
        "status": "Downloading",
        "current": 5_000_000,
        "total": 8_000_000,
    }
    waiting = layer | {"status": "Waiting", "current": None, "total": None}
    assert _progress({"progress": {"layers": [layer, waiting]}}) == [
        ("5a589cebe8f3", "Downloading 5.0 of 8.0 MB"),
        ("5a589cebe8f3", "Waiting"),
    ]
    later = rfc3339(utc_now() + timedelta(seconds=150))
    health = {"deadline": later, "good_since": None, "settles_at": None, "said": "no"}
    [(name, how)] = _progress({"progress": {"health": health}})
    assert name == "health"
    assert re.fullmatch(r"2:\d\d left: no", how)
    [(_, how)] = _progress({"progress": {"health": {**health, "settles_at": later}}})
    assert re.fullmatch(r"good, has to stay so for 2:\d\d", how)
    assert _progress({"progress": None}) == []
