"""What is proven or run before a new container takes over, and inside both around it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from stories import cli, history

from lab.neighbour import Neighbour
from listener.demo import http
from listener.demo.app import PORT, Behaviour, Check, Release
from listener.demo.engine import EngineTrouble
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World


@pytest.fixture
def network(world: World) -> str:
    """A network of the world's own."""
    name = f"{world.session}-net"
    world.engine.docker("network", "create", "--label", f"lab.session={world.session}", name)
    return name


@pytest.fixture
def folder(world: World) -> Path:
    """A folder of the machine that containers mount."""
    made = world.directory / "mounted"
    made.mkdir()
    return made


def begin(
    world: World,
    *options: str,
    labels: Mapping[str, str],
    command: Sequence[str] = (),
) -> None:
    """Version 1, healthy, and the listener at rest."""
    world.push("web", Release("1"))
    marked = {"listener.enable": "true", "listener.scope": world.session, **labels}
    world.engine.docker(
        *("run", "-d", "--name", world.name("web"), "--restart", "unless-stopped"),
        *(part for key, value in marked.items() for part in ("--label", f"{key}={value}")),
        *options,
        world.image("web"),
        *command,
    )
    wait_for(
        lambda: world.container("web")["State"]["Health"]["Status"] == "healthy", "it is healthy"
    )
    world.listener.start()
    world.wait_late_push("web")


def deploys(world: World, release: Release) -> dict[str, Any]:
    """Pushes a release; returns its deployment, once it has ended, with its last lines."""
    digest = world.push("web", release)
    ended = world.listener.deployment_of(world.name("web"), digest)
    found: dict[str, Any] = world.listener.api(f"deployments/{ended['id']}")
    return found


def life(world: World) -> tuple[str, str]:
    """Which container it is, and since when it runs."""
    inspect = world.container("web")
    return inspect["Id"], inspect["State"]["StartedAt"]


def steps(deployment: dict[str, Any]) -> list[str]:
    return [step["name"] for step in deployment["steps"]]


def shell(line: str) -> str:
    """A label's value that runs a line of shell."""
    return shlex.join(["sh", "-c", line])


def inside(world: World, *command: str) -> str:
    """What a command says that runs in the container under the target's name."""
    return world.engine.docker("exec", world.name("web"), *command)


# -- a network that is another container's --------------------------------------------------


def test_what_lives_in_another_s_network_is_asked_at_that_one_s_address(world: World) -> None:
    world.push("vpn", Release("1"))
    world.engine.docker(
        *("run", "-d", "--name", world.name("vpn"), "--label", f"lab.session={world.session}"),
        *("--stop-timeout", "1", "--entrypoint", "/bin/busybox"),
        *(world.image("vpn"), "sleep", "3600"),
    )
    probe = {"listener.health.http": f"http://:{PORT}/cgi-bin/ready", "listener.preflight": "true"}
    begin(world, "--network", f"container:{world.name('vpn')}", labels=probe)
    digest = world.push("web", Release("2", check=None))
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    (twin_was,) = (one["detail"] for one in deployment["steps"] if one["name"] == "preflight")
    assert "nothing was asked at its address" in twin_was


# -- preflight ------------------------------------------------------------------------------

WRITES = "for place in /named /bound /own; do echo $APP_VERSION >> $place/log; done; exec /app/run"


def twin(world: World) -> dict[str, Any]:
    """The twin, once it runs."""

    def running() -> dict[str, Any] | None:
        for name, state in world.engine.containers(world.session).items():
            if name.startswith(f"{world.name('web')}.new-") and state == "running":
                return world.engine.inspect(name)
        return None

    # One that ended at that moment is asked for in vain.
    return wait_for(running, "a twin runs", forgive=(OSError, EngineTrouble))


def begin_writing(world: World, network: str, folder: Path) -> int:
    """An app that writes to a volume, a folder and a volume without a name; returns its port."""
    port, volume = free_port(), f"{world.session}-data"
    world.engine.docker("volume", "create", "--label", f"lab.session={world.session}", volume)
    begin(
        world,
        *("--network", network, "--network-alias", "shop", "-p", f"127.0.0.1:{port}:8000"),
        *("-v", f"{volume}:/named", "-v", f"{folder}:/bound", "-v", "/own"),
        labels={"listener.preflight": "true"},
        command=("sh", "-c", WRITES),
    )
    return port


def test_a_sick_twin_ends_the_deployment_and_the_live_container_notices_nothing(
    world: World, network: str, folder: Path
) -> None:
    port = begin_writing(world, network, folder)
    neighbour = Neighbour(world.engine, network, world.session)
    before = life(world)
    sick = Release("2", Behaviour.SICK, check=Check(retries=15))
    digest = world.push("web", sick)
    seen = twin(world)
    assert seen["Config"]["Labels"].get("listener.enable") is None
    assert not any(seen["NetworkSettings"]["Ports"].values())
    assert list(seen["NetworkSettings"]["Networks"]) == [network]
    assert neighbour.watches("shop", seconds=5).answers.keys() == {"1"}
    own = {mount["Name"] for mount in seen["Mounts"] if mount["Type"] == "volume"}
    assert len(own) == 2

    ended = world.listener.deployment_of(world.name("web"), digest)
    assert ended["state"] == "failed"
    assert ended["reason"].startswith("preflight: unhealthy")
    assert "no connection to the database" in ended["reason"]
    logs = world.listener.api(f"deployments/{ended['id']}")["logs"]
    assert "version 2 begins" in "".join(logs)
    assert life(world) == before
    assert world.answer(f"http://127.0.0.1:{port}/") == "1"
    for place in ("/named", "/bound", "/own"):
        assert inside(world, "cat", f"{place}/log") == "1"
    assert world.leftovers("web") == []
    assert not own & set(world.engine.docker("volume", "ls", "-q").split())
    tagged = world.engine.docker("image", "inspect", "-f", "{{.Id}}", world.image("web"))
    assert tagged == world.container("web")["Image"]

    # It is known to be bad: it is not tried again.
    world.push("web", sick)
    wait_for(
        lambda: "known to be bad" in str(world.listener.deployments(world.name("web"))[0]),
        "the sick digest is skipped",
    )


def test_a_good_twin_goes_before_the_new_container_begins(
    world: World, network: str, folder: Path
) -> None:
    port = begin_writing(world, network, folder)
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert steps(deployment).index("preflight") < steps(deployment).index("cutover")
    assert world.answer(f"http://127.0.0.1:{port}/") == "2"
    # Written once by each version, and never by the twin.
    for place in ("/named", "/bound", "/own"):
        assert inside(world, "cat", f"{place}/log").split() == ["1", "2"]
    assert world.leftovers("web") == []


def test_a_twin_that_does_not_start_is_told_in_the_engines_words(
    world: World, network: str
) -> None:
    begin(world, "--network", network, labels={"listener.preflight": "true"})
    before = life(world)
    deployment = deploys(world, Release("2", Behaviour.MISSING))
    assert deployment["state"] == "failed"
    assert deployment["reason"].startswith("preflight: did not start: ")
    assert "/app/absent" in deployment["reason"]
    assert life(world) == before
    assert world.leftovers("web") == []


@pytest.mark.parametrize("mode", ["host", "none"])
def test_a_twin_of_what_has_no_network_of_its_own_stays_off_the_machines(
    world: World, mode: str
) -> None:
    port = free_port()
    begin(
        world,
        *("--network", mode, "--stop-timeout", "1"),
        *("--health-cmd", f"busybox wget -q -O /dev/null http://127.0.0.1:{port}/"),
        labels={"listener.preflight": "true", "listener.health.settle": "10s"},
        command=("sh", "-c", f"exec busybox httpd -f -p {port} -h /www"),
    )
    digest = world.push("web", Release("2"))
    seen = twin(world)
    assert seen["HostConfig"]["NetworkMode"] == "none"
    deployment = world.listener.deployment_of(world.name("web"), digest)
    assert deployment["state"] == "succeeded", deployment["reason"]
    after = world.container("web")
    assert after["HostConfig"]["NetworkMode"] == mode
    assert inside(world, "cat", "/app/version") == "2"
    assert (http.what_answers(f"http://127.0.0.1:{port}/") == "2") is (mode == "host")
    assert world.leftovers("web") == []


# -- release --------------------------------------------------------------------------------

RELEASE = (
    "echo $APP_VERSION $GREETING $(busybox wget -q -O - http://db:8000/) >> /mounted/log;"
    "echo $(cat /data/kept) >> /mounted/log"
)


def test_the_release_command_runs_once_in_the_new_image_with_what_the_target_has(
    world: World, network: str, folder: Path
) -> None:
    world.push("db", Release("reached"))
    other, volume = f"{world.session}-other", f"{world.session}-data"
    mine = ("--label", f"lab.session={world.session}")
    world.engine.docker("network", "create", *mine, other)
    world.engine.docker("volume", "create", *mine, volume)
    world.engine.docker(
        *("run", "-d", "--network", other, "--network-alias", "db", *mine, world.image("db"))
    )
    begin(
        world,
        *("--network", network, "-e", "GREETING=hello"),
        *("-v", f"{folder}:/mounted", "-v", f"{volume}:/data"),
        labels={"listener.release": shell(RELEASE)},
    )
    # The command needs the second network of the container, not only the one it is created with.
    world.engine.docker("network", "connect", other, world.name("web"))
    inside(world, "sh", "-c", "echo kept > /data/kept")
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert steps(deployment).index("release") < steps(deployment).index("tag")
    log = folder / "log"
    assert log.read_text().splitlines() == ["2 hello reached", "kept"]
    assert world.leftovers("web") == []

    # On the way back the old version's migrations stay where they are.
    cli(world, 0, "rollback", world.name("web"), "--wait")
    assert inside(world, "cat", "/app/version") == "1"
    assert len(log.read_text().splitlines()) == 2

    # Nor is there anything to migrate for what is stopped.
    world.engine.docker("stop", world.name("web"))
    deployment = deploys(world, Release("3"))
    assert deployment["state"] == "succeeded"
    assert "stays stopped" in deployment["reason"]
    assert "release" not in steps(deployment)
    assert len(log.read_text().splitlines()) == 2


def test_a_failed_release_command_ends_the_deployment_with_its_last_words(
    world: World, network: str, folder: Path
) -> None:
    line = "echo once >> /mounted/log; echo no such table: users >&2; exit 7"
    begin(
        world,
        *("--network", network, "-v", f"{folder}:/mounted"),
        labels={"listener.release": shell(line)},
    )
    before = life(world)
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "failed"
    assert "exited with code 7" in deployment["reason"]
    assert "no such table: users" in "".join(deployment["logs"])
    assert "tag" not in steps(deployment)
    assert life(world) == before
    assert (folder / "log").read_text().split() == ["once"]
    assert world.leftovers("web") == []


# -- lifecycle ------------------------------------------------------------------------------


def begin_hooked(
    world: World, network: str, folder: Path, strategy: str, labels: Mapping[str, str]
) -> None:
    """An app with a strategy and commands of its lifecycle, that may write to a folder."""
    begin(
        world,
        *("--network", network, "-v", f"{folder}:/mounted"),
        labels={"listener.strategy": strategy, **labels},
    )


def hook(when: str, line: str) -> dict[str, str]:
    """The label of a command of the lifecycle."""
    return {f"listener.lifecycle.{when}": shell(line)}


@pytest.mark.parametrize(
    ("strategy", "order"),
    [("recreate", ["stop 1", "start 2"]), ("start-first", ["start 2", "stop 1"])],
)
def test_each_command_runs_in_its_own_container(
    world: World, network: str, folder: Path, strategy: str, order: list[str]
) -> None:
    begin_hooked(
        *(world, network, folder, strategy),
        hook("before_stop", "echo stop $APP_VERSION >> /mounted/log")
        | hook("after_start", "echo start $APP_VERSION >> /mounted/log"),
    )
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "succeeded", deployment["reason"]
    assert (folder / "log").read_text().splitlines() == order


@pytest.mark.parametrize("strategy", ["recreate", "start-first"])
def test_where_the_old_one_cannot_be_left_it_goes_on_serving(
    world: World, network: str, folder: Path, strategy: str
) -> None:
    said = hook("before_stop", "echo still busy; exit 3")
    begin_hooked(world, network, folder, strategy, said)
    neighbour = Neighbour(world.engine, network, world.session)
    before = life(world)
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "failed"
    assert "before_stop" in deployment["reason"]
    assert deployment["reason"].endswith("exited with code 3: still busy")
    assert life(world) == before
    assert neighbour.asks(world.name("web")) == "1"
    assert world.leftovers("web") == []
    # Nothing is wrong with the new image: the next push of it is tried.
    world.push("web", Release("2"))
    wait_for(lambda: len(history(world, "web")) == 2, "it is tried again")


@pytest.mark.parametrize(
    ("strategy", "state"), [("recreate", "rolled_back"), ("start-first", "failed")]
)
def test_a_new_one_that_cannot_be_made_ready_does_not_stay(
    world: World, network: str, folder: Path, strategy: str, state: str
) -> None:
    said = hook("after_start", "echo cache is cold; exit 4")
    begin_hooked(world, network, folder, strategy, said)
    before = life(world)
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == state
    assert deployment["reason"].endswith("exited with code 4: cache is cold")
    container, started = life(world)
    assert container == before[0]
    # Only where they never ran at once was the old one stopped.
    assert (started == before[1]) is (strategy == "start-first")
    assert inside(world, "cat", "/app/version") == "1"
    assert world.leftovers("web") == []


@pytest.mark.parametrize(("strategy", "version"), [("recreate", "2"), ("start-first", "1")])
def test_without_rollback_what_took_over_stays(
    world: World, network: str, folder: Path, strategy: str, version: str
) -> None:
    said = hook("after_start", "exit 4") | {"listener.rollback": "false"}
    begin_hooked(world, network, folder, strategy, said)
    deployment = deploys(world, Release("2"))
    assert deployment["state"] == "failed"
    assert "exited with code 4" in deployment["reason"]
    assert inside(world, "cat", "/app/version") == version
    assert world.container("web")["State"]["Running"]
    assert world.leftovers("web") == []
