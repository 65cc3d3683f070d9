"""What the verbs that show write: tables, plain lines, the API's JSON, and exit codes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from listener.demo.ports import free_port
from listener.model.base import utc_now
from listener.model.delivery import Delivery, new_delivery_id
from listener.model.deployment import State, Step
from listener.model.push import Push
from listener.model.view import LastDeployment
from tests.unit.cli.conftest import Shell
from tests.unit.conftest import DIGESTS, Panel, a_deployment, a_view


@pytest.fixture
def shell(shell: Shell, panel: Panel) -> Shell:
    shell.environ["LISTENER_URL"] = panel.url
    return shell


async def fill(panel: Panel) -> str:
    """Two targets on one host, the second in trouble; the id of its deployment."""
    now = utc_now()
    made = a_deployment(
        "a-target-with-quite-a-long-name",
        state=State.ROLLED_BACK,
        reason="unhealthy after 12.0 s: last probe said \x1b[31mno\x1b[0m",
        from_digest=DIGESTS[1],
        to_digest=DIGESTS[2],
        started_at=now - timedelta(seconds=90),
        finished_at=now,
        steps=(Step(name="pull", started_at=now - timedelta(seconds=2), finished_at=now),),
        logs=("first \x1b[2J line", "last line"),
    )
    last = LastDeployment(id=made.id, state=made.state, reason=made.reason, finished_at=now)
    await panel.publish(
        a_view(), a_view(made.target, tag="a-long-tag-2026.11.25", last_deployment=last)
    )
    await panel.record(made)
    return made.id


async def deliver(panel: Panel) -> str:
    """One request that brought a push, and one that was refused; the id of the first."""
    now = utc_now()
    facts: dict[str, Any] = {"hook": "ci", "provider": "generic", "received_at": now}
    push = Push(
        id="p1", image="registry.example.com/team/web", tag="v1", digest=DIGESTS[1], **facts
    )
    good = Delivery(
        id=new_delivery_id(now),
        code=202,
        outcome="stored",
        milliseconds=0.42,
        peer="192.0.2.7",
        **facts,
    )
    why = "missing or wrong token\x1b[2J"
    bad = Delivery(
        id=new_delivery_id(now), code=401, outcome="refused", reason=why, **{**facts, "hook": "hub"}
    )
    await panel.pushes.append([(push, "key")], [(good, 1)])
    await panel.pushes.append([], [(bad, 0)])
    return good.id


@pytest.mark.parametrize("terminal", [True, False])
async def test_status_fits_eighty_columns(shell: Shell, panel: Panel, terminal: bool) -> None:
    await fill(panel)
    end = await (shell.on_terminal("status") if terminal else shell.run("status"))
    lines = end.seen.splitlines()
    assert end.code == 0
    assert lines[0] == "2 targets on 1 host: all idle"
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:4] == ["web", "idle", "healthy", "latest"] for line in lines)
    assert "unhealthy after 12.0 s" in end.seen
    assert ("\x1b[" in end.out) == terminal


async def test_no_color_is_respected(shell: Shell, panel: Panel) -> None:
    await fill(panel)
    shell.environ["NO_COLOR"] = "1"
    end = await shell.on_terminal("status")
    assert "\x1b[3" not in end.out


async def test_status_says_that_a_worker_is_away(shell: Shell, panel: Panel) -> None:
    await panel.publish(a_view(), seconds_ago=600)
    await panel.away()
    end = await shell.run("status")
    assert "the worker of h1 was last seen 10m ago" in end.out


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("targets", "targets"),
        ("hosts", "hosts"),
        ("pushes", "pushes?limit=50"),
        ("pushes --all", "deliveries?limit=50"),
        ("history", "deployments?limit=50"),
    ],
)
async def test_json_is_what_the_api_answers(
    shell: Shell, panel: Panel, verb: str, path: str
) -> None:
    await fill(panel)
    await deliver(panel)
    async with ClientSession() as http, http.get(f"{panel.url}/api/v1/{path}") as answer:
        wanted = await answer.json()
    end = await shell.run(*verb.split(), "--json")
    found = end.json
    for each in (*wanted.get("hosts", ()), *found.get("hosts", ())):
        each.pop("queue_oldest_seconds")
        each.pop("alive")  # nobody renews the lease here
    assert found == wanted


async def test_every_request_is_told_with_its_answer(shell: Shell, panel: Panel) -> None:
    good = await deliver(panel)
    end = await shell.run("pushes", "--all")
    header, *lines = end.out.splitlines()
    assert header.split() == [
        "ID",
        "RECEIVED",
        "HOOK",
        "CODE",
        "OUTCOME",
        "PUSHES",
        "MS",
        "FROM",
        "REASON",
    ]
    (stored,) = [line.split() for line in lines if line.startswith(good)]
    assert stored[2:] == ["ci", "202", "stored", "1", "0.4", "192.0.2.7", "-"]
    (refused,) = [line for line in lines if " 401 " in line]
    assert "missing or wrong token" in refused
    assert "\x1b" not in end.out
    only = (await shell.run("pushes", "--all", "--hook", "hub", "--json")).json["deliveries"]
    assert [one["hook"] for one in only] == ["hub"]
    assert (await shell.run("pushes", "--hook", "hub")).code == 2


async def test_a_push_has_an_id_to_do_it_over(shell: Shell, panel: Panel) -> None:
    await deliver(panel)
    header, line = (await shell.run("pushes")).out.splitlines()
    assert header.startswith("ID ")
    assert line.startswith("p1 ")


async def test_status_json_has_targets_and_hosts(shell: Shell, panel: Panel) -> None:
    await fill(panel)
    end = await shell.run("status", "--json")
    assert list(end.json) == ["targets", "hosts"]


async def test_piped_tables_are_aligned_and_whole(shell: Shell, panel: Panel) -> None:
    id_ = await fill(panel)
    end = await shell.run("history")
    header, line = end.out.splitlines()
    assert line.startswith(id_)
    assert header.index("REASON") == line.index("unhealthy after")
    assert "\x1b" not in end.out
    assert "1:30" in line


async def test_show_tells_steps_and_log_lines_without_control_characters(
    shell: Shell, panel: Panel
) -> None:
    id_ = await fill(panel)
    end = await shell.run("show", id_)
    assert end.code == 0
    assert "rolled_back" in end.out
    assert "last line" in end.out
    assert "\x1b" not in end.out
    assert (await shell.run("show", id_, "--json")).json["logs"][1] == "last line"


async def test_what_is_not_there_is_one_sentence(shell: Shell, panel: Panel) -> None:
    await fill(panel)
    end = await shell.run("history", "wbe")
    assert (end.code, end.out) == (1, "")
    assert end.err == "listener: there is no target 'wbe' (did you mean \"web\"?)\n"
    assert (await shell.run("show", "20260101-000000-000-00000000")).code == 1
    assert (await shell.run("history", "--state", "faild")).code == 2


async def test_no_server_is_three_and_names_the_url(shell: Shell) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    end = await shell.run("status", "--url", url)
    assert end.code == 3
    assert end.err.startswith(f"listener: cannot reach {url}: connection refused")
    assert len(end.err.splitlines()) == 1


async def test_options_stand_before_or_after_the_verb(shell: Shell, panel: Panel) -> None:
    shell.environ["LISTENER_URL"] = "http://127.0.0.1:1"
    assert (await shell.run("--url", panel.url, "hosts")).code == 0
    assert (await shell.run("hosts", "--url", panel.url)).code == 0
    assert (await shell.run("--url", panel.url, "hosts", "--url", "ftp://x")).code == 2


async def test_a_reader_that_has_enough_is_no_fault(shell: Shell, panel: Panel) -> None:
    await fill(panel)
    process = await shell.start("targets", "--json")
    assert process.stdout is not None
    transport = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined] # no other way
    transport.close()
    assert process.stderr is not None
    assert await process.stderr.read() == b""
    await process.wait()
