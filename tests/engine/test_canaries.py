"""Every kind of secret is planted with a value of its own, and looked for in all that is read."""

from __future__ import annotations

import base64
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import redis

from lab.recorder import Recorder
from lab.redis_server import RedisServer
from listener.demo import http
from listener.demo.app import Behaviour, Release
from listener.demo.registry import PASSWORD
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.conftest import MakeWorld

# All that any library would ever say; the program itself has no such level.
EVERYTHING = """\
import logging
_basic = logging.basicConfig
logging.basicConfig = lambda **given: _basic(**{**given, "level": logging.DEBUG})
"""


class Canaries(dict[str, str]):
    """Secrets by their kind; each is made when it is asked for first."""

    def __missing__(self, kind: str) -> str:
        self[kind] = f"canary-{kind}-{secrets.token_hex(8)}"
        return self[kind]

    def seen_in(self, said: str | bytes) -> set[str]:
        """The kinds of those that stand there, plain or as the middle of something in base64."""
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        return {kind for kind, value in self.items() if any(one in text for one in _forms(value))}


def _forms(value: str) -> Iterator[str]:
    yield value
    for before in range(3):
        # Without the ends, which what stands beside it changes.
        whole = base64.b64encode(b"x" * before + value.encode()).decode()
        yield whole[4 if before else 0 : -4]


class Stream(threading.Thread):
    """Reads the stream of events from its beginning to its end."""

    def __init__(self, world: World, token: str) -> None:
        super().__init__(daemon=True)
        bears = {"Authorization": f"Bearer {token}"}
        self._request = Request(f"{world.listener.admin}/api/v1/events", headers=bears)
        self.said = b""

    def run(self) -> None:
        with suppress(OSError), urlopen(self._request, timeout=60) as answer:
            while line := answer.readline():
                self.said += line


@pytest.fixture
def planted() -> Canaries:
    return Canaries(password=PASSWORD)


@pytest.fixture
def guarded(tmp_path: Path, planted: Canaries) -> Iterator[RedisServer]:
    """A Redis that asks for a password, without saying it to who lists processes."""
    with RedisServer(tmp_path) as server:
        with redis.Redis(port=server.port) as admin:
            admin.config_set("aof-use-rdb-preamble", "no")
            admin.config_set("requirepass", planted["redis"])
        yield server


@pytest.fixture
def told() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def secretive(
    make_world: MakeWorld, planted: Canaries, guarded: RedisServer, told: Recorder, tmp_path: Path
) -> World:
    """A world in which all that can be a secret is one: in the file, in a file of its own, in the
    environment."""
    world = make_world(login=True)
    listener, host = world.listener, world.registry.host
    planted["hook"] = world.token
    hmac = tmp_path / "hmac"
    hmac.write_text(planted["hmac"] + "\n")
    (tmp_path / "sitecustomize.py").write_text(EVERYTHING)
    listener.env = {"PYTHONPATH": str(tmp_path), "HUB_TOKEN": planted["hub"]}
    settings = listener.settings
    settings["admin"]["token"] = planted["admin"]
    settings["redis"] = f"redis://:{planted['redis']}@127.0.0.1:{guarded.port}/0"
    settings["hooks"] |= {
        "hub": {"provider": "dockerhub", "token": "${HUB_TOKEN}"},
        "packages": {"provider": "github", "hmac_secret_file": str(hmac)},
    }
    elsewhere = {"username": "ci", "password": planted["elsewhere"]}
    settings["registries"] = {host: settings["registries"][host], "r.example.com": elsewhere}
    settings["defaults"] |= {"debounce": "200ms", "pull_timeout": "60s"}
    takes, nobody = told.url.removeprefix("http://"), "127.0.0.1:9"
    addresses: list[dict[str, str]] = [
        {"url": told.url, "signing_secret": planted["signing"]},
        {"url": f"json://ci:{planted['apprise']}@{takes}{planted['channel']}"},
        {
            "url": f"http://{nobody}/{planted['path']}?key={planted['query']}",
            "signing_secret": planted["other-signing"],
        },
        {"url": f"form://ci:{planted['form']}@{nobody}/{planted['form-path']}"},
    ]
    settings["notify"] = [{**one, "on": ["rolled_back", "failed"]} for one in addresses]
    listener.write()
    return world


@pytest.mark.timeout(900)
def test_no_secret_is_said_anywhere(
    secretive: World, planted: Canaries, guarded: RedisServer, told: Recorder
) -> None:
    world, listener, said = secretive, secretive.listener, dict[str, str | bytes]()
    # Whoever runs version 1 has it from elsewhere: nobody here has logged in.
    image = world.build(Release("1")).archive(world.image("web"))
    world.engine.docker("load", feed=image)
    world.run("web", "-e", f"DATABASE_PASSWORD={planted['env']}")
    listener.start()
    stream = Stream(world, planted["admin"])
    stream.start()

    _deploy_a_good_and_a_sick_one(world)
    said["command lines"] = _command_lines()
    said["errors of requests"] = b"\n".join(_knock(world, planted))
    said["a check"] = _cli(world, "check")
    _fail_to_pull(world)
    _fail_to_log_in(world, planted)
    said["a check that fails"] = _cli(world, "check")
    for verb in ("status", "hooks"):
        said[f"listener {verb}"] = _cli(world, verb)
    for path in ("targets", "deployments", "pushes", "deliveries", "hosts"):
        said[f"the API's {path}"] = str(listener.api(path))
    said["metrics"] = listener.metrics()
    for name in ("http://127.0.0.1", "form"):
        wait_for(lambda name=name: _is_broken(listener.logs(), name), f"{name} is found broken")
    wait_for(lambda: len(told.requests) >= 4, "the others are told")
    said["notices"] = b"\n".join(one.body for one in told.requests)
    _break_the_file(world, planted)
    said["a check of a wrong file"] = _cli(world, "check")
    listener.stop()
    stream.join(10)
    said["events"] = stream.said
    said["the log"] = listener.logs()

    assert planted.seen_in(listener.file.read_text()) >= {"admin", "redis"}
    assert all(said.values()), [place for place, text in said.items() if not text]
    assert not {place: seen for place, text in said.items() if (seen := planted.seen_in(text))}
    # A journal holds what its container is made of, as long as the deployment is under way; the
    # file of Redis until it is written anew.
    assert planted.seen_in(_on_disk(guarded)) == {"env"}
    with redis.Redis(port=guarded.port, password=planted["redis"]) as admin:
        admin.bgrewriteaof()
    wait_for(lambda: not planted.seen_in(_on_disk(guarded)), "nothing of it is kept")
    assert world.name("web").encode() in _on_disk(guarded)


def _deploy_a_good_and_a_sick_one(world: World) -> None:
    for release, state in (
        (Release("2"), "succeeded"),
        (Release("3", Behaviour.SICK), "rolled_back"),
    ):
        ended = world.listener.deployment_of(world.name("web"), world.push("web", release))
        assert ended["state"] == state, ended["reason"]


def _knock(world: World, planted: Canaries) -> Iterator[bytes]:
    """What requests are told that are wrong in one way or another."""
    hooks, admin = f"{world.listener.public}/hooks", world.listener.admin
    wrong = {"Authorization": f"Bearer {planted['mistaken']}"}
    right = {"Authorization": f"Bearer {planted['hook']}"}
    signed = {"X-Hub-Signature-256": f"sha256={planted['mistaken']}", "X-GitHub-Event": "package"}
    for method, url, body, headers in (
        ("POST", f"{hooks}/private", b"{}", wrong),
        ("POST", f"{hooks}/private", b"nonsense", right),
        ("POST", f"{hooks}/private?token={planted['hook']}", b"[", {}),
        ("POST", f"{hooks}/hub/{planted['mistaken']}", b"{}", {}),
        ("POST", f"{hooks}/hub/{planted['hub']}", b"{", {}),
        ("GET", f"{hooks}/hub/{planted['hub']}", None, {}),
        ("POST", f"{hooks}/absent/{planted['hub']}", b"{}", {}),
        ("POST", f"{hooks}/packages", b"{}", signed),
        ("GET", f"{admin}/api/v1/targets", None, wrong),
        ("GET", f"{admin}/metrics?token={planted['admin']}", None, {}),
        ("POST", f"{admin}/api/v1/session", planted["mistaken"].encode(), {}),
    ):
        answer = http.request(method, url, body, headers)
        assert answer.status != 202, (method, url, answer.text)
        assert answer.status < 500, (method, url, answer.text)
        yield f"{answer.headers} {answer.text}".encode()


def _fail_to_pull(world: World) -> None:
    """A deployment whose login is right, and whose image is not whole in the registry."""
    name, release = world.name("web"), Release("4")
    world.listener.api(f"targets/{name}/pause", {})
    digest = world.push("web", release)
    own = world.build(release).layers[-1].digest.removeprefix("sha256:")
    shutil.rmtree(world.registry.data / "docker/registry/v2/blobs/sha256" / own[:2] / own)
    world.listener.api(f"targets/{name}/resume", {})
    assert world.listener.deployment_of(name, digest)["state"] == "failed"


def _fail_to_log_in(world: World, planted: Canaries) -> None:
    world.listener.settings["registries"][world.registry.host]["password"] = planted["stale"]
    _reload(world, "configuration reloaded")
    known = len(world.listener.deployments())
    world.push("web", Release("5"))
    wait_for(lambda: len(world.listener.deployments()) > known, "a deployment begins")
    assert world.listener.quiet()[0]["state"] == "failed"


def _break_the_file(world: World, planted: Canaries) -> None:
    """Every secret stands where it cannot be one, or beside what is wrong."""
    settings = world.listener.settings
    settings["redis"] = f"redis://:{planted['redis']}@127.0.0.1:port/0"
    settings["admin"]["token"] = {"value": planted["admin"]}
    settings["hooks"]["private"] = {"provider": "absent", "token": [[planted["hook"]]]}
    settings["hooks"]["packages"] = {"provider": "github", "hmac_secret": planted["hmac"], "x": 1}
    settings["registries"]["r.example.com"]["password"] = [planted["elsewhere"]]
    settings["notify"][0] = {"url": f"nonsense://{planted['channel']}", "on": ["failed"]}
    settings["notify"][2]["signing_secret"] = f"whsec_{planted['other-signing']}"
    _reload(world, "new configuration refused")


def _reload(world: World, said: str) -> None:
    before = world.listener.logs().count(said)
    world.listener.write()
    wait_for(lambda: world.listener.logs().count(said) > before, said)


def _is_broken(logs: str, notifier: str) -> bool:
    named = f'"notifier":"{notifier}"'
    return any("not taken" in line and named in line for line in logs.splitlines())


def _cli(world: World, *verb: str) -> str:
    done = world.listener.cli(*verb)
    return done.stdout + done.stderr


def _command_lines() -> bytes:
    said = b""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said += (process / "cmdline").read_bytes()
    return said


def _on_disk(server: RedisServer) -> bytes:
    said = b""
    for file in server.data.rglob("*.aof"):
        with suppress(FileNotFoundError):
            said += file.read_bytes()
    return said
