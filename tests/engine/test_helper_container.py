"""The helper container has what reaches the engine, and nothing that others reach it by."""

from __future__ import annotations

import secrets

import pytest

from listener.demo.engine import LABEL
from listener.demo.engine import Engine as DockerCli
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.drivers.current import CannotSwapError
from listener.drivers.engine import Engine
from listener.drivers.helper import DIRECTORY, PARCEL, Helper
from listener.drivers.snapshot import Snapshot

_FILE = f"{DIRECTORY}/{PARCEL}"
# As a helper does: whatever user it is, it writes beside the file and moves that over it.
_GOES_ON = f"printf 'goes on' > {_FILE}.new && busybox mv {_FILE}.new {_FILE}; sleep 600"


@pytest.fixture
def networks(engine: DockerCli, session: str) -> tuple[str, str]:
    """Two networks of the test's own."""
    names = (f"{session}-a", f"{session}-b")
    for name in names:
        engine.docker("network", "create", "--label", f"{LABEL}={session}", name)
    return names


async def test_it_has_the_listeners_access_but_not_its_ports_and_labels(
    engine: DockerCli,
    client: Engine,
    busybox: str,
    session: str,
    networks: tuple[str, str],
) -> None:

    volume, name = f"{session}-state", f"{session}-listener"
    engine.docker(
        *("create", "--name", name, "--network", networks[0], "--network-alias", "hooks"),
        *("--label", f"{LABEL}={session}", "--label", "listener.enable=true"),
        *("--user", "10001", "--group-add", "998", "--security-opt", "no-new-privileges"),
        *("-v", f"{engine.socket}:/run/engine.sock", "-v", f"{volume}:/state", "-v", "/scratch"),
        *("-e", "SETTING=1", "-p", f"127.0.0.1:{free_port()}:8080", busybox, "run"),
    )
    engine.docker("network", "connect", networks[1], name)
    own = Snapshot(engine.inspect(name), None)
    helper = Helper(client, name)
    deployment = secrets.token_hex(4)
    try:
        await helper.create(own, deployment, ("sh", "-c", _GOES_ON))
        assert await helper.parcel() is None
        await helper.begin(own, b"told")

        made = engine.inspect(helper.name)
        config, host = made["Config"], made["HostConfig"]
        assert made["State"]["Status"] == "running"
        assert set(made["NetworkSettings"]["Networks"]) == set(networks)
        assert {one["Destination"] for one in made["Mounts"]} == {
            *("/run/engine.sock", "/state", "/scratch")
        }
        assert (config["User"], host["GroupAdd"]) == ("10001", ["998"])
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert "SETTING=1" in config["Env"]
        assert not host["PortBindings"]
        assert "listener.enable" not in config["Labels"]
        assert not any("hooks" in (one["Aliases"] or ()) for one in _endpoints(made))
        assert host["RestartPolicy"]["Name"] == "on-failure"
        assert 0 < host["RestartPolicy"]["MaximumRetryCount"] <= 10
        assert "told" not in engine.docker("inspect", helper.name)

        wait_for(
            lambda: engine.docker("exec", helper.name, "busybox", "cat", _FILE) == "goes on",
            "it writes how far it got",
        )
        assert await helper.parcel() == b"goes on"
        with pytest.raises(CannotSwapError):
            await helper.create(own, deployment, ("sh",))
    finally:
        await helper.remove()
    assert await helper.there() is None
    await helper.remove()


def _endpoints(
    made: dict[str, dict[str, dict[str, dict[str, list[str]]]]],
) -> list[dict[str, list[str]]]:
    return list(made["NetworkSettings"]["Networks"].values())
