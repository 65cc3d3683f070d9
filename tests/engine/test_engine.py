"""The engine as the drivers use it, against the real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from listener.demo.engine import LABEL
from listener.demo.engine import Engine as LabEngine
from listener.demo.gate import EngineGate
from listener.demo.ports import free_port
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineAway, EngineError, EngineStuck, NotFound
from listener.drivers.wire import Call

Connect = Callable[[str], Awaitable[Engine]]


def body(image: str, session: str, *command: str, **more: Any) -> dict[str, Any]:
    alone = {"NetworkMode": "none"}
    labels = {LABEL: session}
    return {"Image": image, "Cmd": list(command), "Labels": labels, "HostConfig": alone, **more}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110 - what an engine does sets no event here
            await asyncio.sleep(0.05)


async def ended(client: Engine, container: str) -> None:
    async def looks_ended() -> bool:
        return bool((await client.inspect_container(container))["State"]["Status"] == "exited")

    await until(looks_ended)


async def test_connecting_tells_who_the_engine_is(client: Engine, engine: LabEngine) -> None:
    said = engine.docker("info", "--format", "{{.ID}}\t{{.Name}}\t{{.ServerVersion}}\t{{.OSType}}")
    assert [client.engine_id, client.name, client.version, client.os] == said.split("\t")
    assert (1, 24) < client.api <= (1, 51)
    assert client.architecture in ("amd64", "arm64")
    await client.connect()
    await client.ping()


async def test_a_container_from_creation_to_removal(
    client: Engine, busybox: str, session: str
) -> None:
    container, warnings = await client.create_container(
        f"{session}-a", body(busybox, session, "sleep", "60", StopSignal="SIGKILL")
    )
    assert warnings == ()
    with pytest.raises(Conflict, match=f"{session}-a"):
        await client.create_container(f"{session}-a", body(busybox, session, "true"))
    await client.start(container)
    await client.start(container)
    await client.rename(container, f"{session}-b")
    await client.update_restart_policy(container, {"Name": "always"})
    seen = await client.inspect_container(f"{session}-b")
    assert seen["Id"] == container
    assert seen["State"]["Running"]
    assert seen["HostConfig"]["RestartPolicy"]["Name"] == "always"
    await client.stop(container, timeout=5)
    await client.stop(container)
    listed = await client.list_containers(filters={"label": [f"{LABEL}={session}"]})
    assert [(one["Names"], one["State"]) for one in listed] == [([f"/{session}-b"], "exited")]
    assert await client.list_containers(all=False, filters={"name": [session]}) == []
    await client.remove(container, volumes=True, force=False)
    await client.remove(container, volumes=True, force=False)
    with pytest.raises(NotFound, match="No such container"):
        await client.start(container)


async def test_stopping_waits_for_the_containers_own_patience(
    client: Engine, busybox: str, session: str
) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    container, _ = await client.create_container(
        f"{session}-a", body(busybox, session, "sh", "-c", script, StopTimeout=2)
    )
    await client.start(container)

    async def ready() -> bool:
        return await client.logs(container) == ["ready"]

    await until(ready)
    began = time.monotonic()
    await client.stop(container)
    assert 1.5 < time.monotonic() - began < 60
    assert (await client.inspect_container(container))["State"]["ExitCode"] == 137


async def test_a_refused_container_is_an_error_in_the_engines_words(
    client: Engine, busybox: str, session: str
) -> None:
    with pytest.raises(NotFound, match="No such image"):
        await client.create_container(f"{session}-a", body(f"{session}:absent", session, "true"))
    with pytest.raises(EngineError) as refused:
        await client.create_container("not a name", body(busybox, session, "true"))
    assert refused.value.status == 400
    assert "Invalid container name" in refused.value.message


@pytest.mark.parametrize("terminal", [False, True], ids=["frames", "terminal"])
async def test_logs_are_clean_lines_of_both_streams(
    client: Engine, busybox: str, session: str, terminal: bool
) -> None:
    script = (
        r"printf 'one\n\033[31mred\033[0m and \007bell\n'; sleep 0.2; printf 'bad\n' >&2; "
        r"sleep 0.2; printf '10%%\r20%%\r100%%\nno end'"
    )
    container, _ = await client.create_container(
        f"{session}-a", body(busybox, session, "sh", "-c", script, Tty=terminal)
    )
    await client.start(container)
    await ended(client, container)
    assert await client.logs(container) == ["one", "red and bell", "bad", "100%", "no end"]
    assert await client.logs(container, tail=2) == ["100%", "no end"]


async def test_a_command_inside_a_container(client: Engine, busybox: str, session: str) -> None:
    container, _ = await client.create_container(
        f"{session}-a", body(busybox, session, "sleep", "3600", StopSignal="SIGKILL")
    )
    with pytest.raises(Conflict, match="not running"):
        await client.exec(container, ["true"], timeout=5)
    await client.start(container)
    said = await client.exec(container, ["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=60)
    assert said[0] == 3
    assert sorted(said[1].splitlines()) == ["err", "out"]
    began = time.monotonic()
    late = await client.exec(container, ["sh", "-c", "echo begun; sleep 300"], timeout=10)
    assert late == (None, "begun")
    assert time.monotonic() - began < 100


async def test_networks_come_and_go(
    client: Engine, engine: LabEngine, busybox: str, session: str
) -> None:
    network = f"{session}-net"
    engine.docker("network", "create", "--label", f"{LABEL}={session}", network)
    container, _ = await client.create_container(
        f"{session}-a", body(busybox, session, "true", HostConfig={})
    )
    await client.connect_network(network, container, {"Aliases": ["web"]})
    networks = (await client.inspect_container(container))["NetworkSettings"]["Networks"]
    assert "web" in networks[network]["Aliases"]
    await client.disconnect_network(network, container)
    networks = (await client.inspect_container(container))["NetworkSettings"]["Networks"]
    assert network not in networks
    with pytest.raises(NotFound, match="No such container"):
        await client.connect_network(network, f"{session}-none", {})


async def test_names_of_images(client: Engine, busybox: str, session: str) -> None:
    image = await client.inspect_image(busybox)
    await client.tag_image(image["Id"], f"{session}/kept", "v1")
    listed = await client.list_images({"label": [f"{LABEL}={session}"]})
    assert [sorted(one["RepoTags"]) for one in listed] == [[f"{session}/kept:v1", busybox]]
    await client.create_container(f"{session}-a", body(f"{session}/kept:v1", session, "true"))
    assert await client.untag(busybox)
    assert not await client.untag(busybox)
    assert not await client.untag(f"{session}/kept:v1"), "a container needs the last name"
    assert (await client.inspect_image(image["Id"]))["RepoTags"] == [f"{session}/kept:v1"]


async def test_events_arrive_and_end_with_the_connection(
    engine: LabEngine, busybox: str, session: str, tmp_path: Path, connect: Connect
) -> None:
    with EngineGate(engine.socket, tmp_path) as gate:
        client = await connect(gate.url)
        filters = {"label": [f"{LABEL}={session}"], "event": ["create", "die"]}
        since = time.time()
        container, _ = await client.create_container(
            f"{session}-a", body(busybox, session, "sh", "-c", "exit 7")
        )
        seen = []
        async with asyncio.timeout(20):
            await client.start(container)
            async for event in client.events(filters, since):
                seen.append((event["Action"], event["Actor"]["Attributes"].get("exitCode")))
                if event["Action"] == "die":
                    gate.down()
        assert seen == [("create", None), ("die", "7")]
        with pytest.raises(EngineAway, match=r"gate\.sock"):
            async for _ in client.events(filters):
                pass
        gate.up()
        await client.ping()


@pytest.mark.parametrize("url", ["unix:///run/lt-engine-none.sock", "tcp://127.0.0.1:{port}"])
async def test_an_absent_engine_is_named(url: str) -> None:
    url = url.format(port=free_port())
    client = Engine(url)
    with pytest.raises(EngineAway) as away:
        await client.connect()
    assert url in str(away.value)
    assert (
        "No such file" in str(away.value)
        or "refused" in str(away.value).lower()
        or ("Connect call failed" in str(away.value))
    )


async def test_an_address_that_is_none_is_explained() -> None:
    with pytest.raises(EngineAway, match=r"write unix:///var/run/docker\.sock"):
        await Engine("/var/run/docker.sock").connect()


class FakeEngine:
    """Answers as engines do that do not run here."""

    def __init__(self) -> None:
        self.url = ""
        self.version = {"ApiVersion": "1.60", "MinAPIVersion": "1.44", "Version": "31.0"}
        self.paths: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if request.path.endswith("/version"):
            return web.json_response(self.version)
        if request.path.endswith("/containers/hangs/json"):
            await asyncio.sleep(30)
        if request.path.endswith("/containers/html/json"):
            return web.Response(text="<h1>proxy</h1>", content_type="text/html")
        driver = [["driver-type", "io.containerd.snapshotter.v1"]]
        return web.json_response({"ID": "x", "Name": "far", "DriverStatus": driver})


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    server = FakeEngine()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"tcp://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def test_a_newer_engine_is_spoken_to_in_the_newest_known_version(
    fake: FakeEngine, connect: Connect
) -> None:
    client = await connect(fake.url)
    assert client.api == (1, 51)
    assert client.containerd_store
    assert fake.paths == ["/version", "/v1.51/info"]


async def test_an_engine_that_forgot_our_versions_is_refused(
    fake: FakeEngine, connect: Connect
) -> None:
    fake.version["MinAPIVersion"] = "1.55"
    with pytest.raises(EngineError, match=r"speaks API 1\.55 and newer.*1\.51"):
        await connect(fake.url)


async def test_a_late_or_garbled_answer_means_away(fake: FakeEngine, connect: Connect) -> None:
    client = await connect(fake.url)
    said = r"no answer to GET containers/hangs/json within 0\.2 s, though it answers other calls"
    with pytest.raises(EngineStuck, match=said):
        await client.json(Call("GET", "containers/hangs/json", seconds=0.2))
    with pytest.raises(EngineAway, match="broke"):
        await client.inspect_container("html")
