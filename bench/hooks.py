"""Hooks per second: against a handler that does nothing, and against Debian's `webhook`."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figure import Figure, median
from bench.load import Load, Request, Server, drive
from lab.redis_server import RedisServer
from listener.demo import http
from listener.demo.listener import Listener
from listener.demo.ports import free_port
from listener.demo.process import Process
from listener.demo.waiting import wait_for
from listener.demo.world import HOOK, World

_ROUNDS = 8
# As long as PERF's own rounds: a server that takes more than it can do shows that in its tail only
# once it is behind.
_SECONDS = 2
_IMAGE = '{"image":"registry.example.com/shop/api:1.4.2","digest":"sha256:' + "5c" * 32 + '"}'


def event(number: str) -> dict[str, object]:
    """What a Distribution registry sends for one push; `number` is the event's id."""
    digest = "sha256:" + "5c" * 32
    return {
        "events": [
            {
                "id": number,
                "timestamp": "2026-03-01T10:00:00.123456789Z",
                "action": "push",
                "target": {
                    "mediaType": "application/vnd.oci.image.index.v1+json",
                    "digest": digest,
                    "size": 1609,
                    "length": 1609,
                    "repository": "shop/api",
                    "url": f"https://registry.example.com/v2/shop/api/manifests/{digest}",
                    "tag": "1.4.2",
                },
                "request": {
                    "id": "5f4dcc3b-5aa7-65d6-1d83-27deb882cf99",
                    "addr": "10.0.0.9:51000",
                    "host": "registry.example.com",
                    "method": "PUT",
                    "useragent": "docker/27",
                },
                "actor": {"name": "ci"},
                "source": {"addr": "registry-0:5000", "instanceID": "a2f1c5d0"},
            }
        ]
    }


def served_by(world: World) -> Server:
    """The hook of a world's registry, with a push that is a new one each time."""
    head, tail = json.dumps(event("NUMBER")).split("NUMBER")
    authorization = {"Authorization": f"Bearer {world.token}"}
    request = Request(f"/hooks/{HOOK}", authorization, head, tail)
    return Server(world.listener.public, world.listener.pid, request)


def measure(directory: Path) -> list[Figure]:
    """Both comparisons."""
    return _figures(**loads(directory))


def loads(directory: Path, rounds: int = _ROUNDS) -> dict[str, list[Load]]:
    """What each server took; all are pinned to the first core, load and Redis to the second."""
    token, secret = secrets.token_hex(16), secrets.token_hex(16)
    head, tail = json.dumps(event("NUMBER")).split("NUMBER")
    signature = hmac.new(secret.encode(), _IMAGE.encode(), hashlib.sha256).hexdigest()
    signed = {"X-Hub-Signature-256": f"sha256={signature}", "Content-Type": "application/json"}
    pushed = Request("/hooks/private", {"Authorization": f"Bearer {token}"}, head, tail)
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(directory))
        _pin(redis.process, core=1)
        listener = stack.enter_context(_listener(directory, redis, token, secret))
        bare = stack.enter_context(_server(directory, "bare", *_bare()))
        webhook = stack.enter_context(_server(directory, "webhook", *_webhook(directory, secret)))
        servers = {
            "ours": Server(listener.public, listener.pid, pushed),
            "nothing": Server(*bare, pushed),
            "proved": Server(listener.public, listener.pid, Request("/hooks/ci", signed, _IMAGE)),
            "theirs": Server(*webhook, Request("/hooks/true", signed, _IMAGE)),
        }
        taken: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                taken[name].append(drive(directory, server, seconds=_SECONDS))
    return taken


def _pin(process: Process, core: int) -> None:
    subprocess.run(
        ["taskset", "-acp", str(core), str(process.pid)], check=True, capture_output=True
    )


@contextmanager
def _listener(directory: Path, redis: RedisServer, token: str, secret: str) -> Iterator[Listener]:
    settings = {
        "redis": redis.url,
        "hooks": {
            "private": {"provider": "distribution", "token": token},
            "ci": {"provider": "generic", "hmac_secret": secret},
        },
    }
    with Listener(directory / "listener", settings, verb="serve") as running:
        subprocess.run(["taskset", "-acp", "0", str(running.pid)], check=True, capture_output=True)
        yield running


def _bare() -> tuple[int, list[str]]:
    port = free_port()
    return port, [sys.executable, "-m", "bench.bare", str(port)]


def _webhook(directory: Path, secret: str) -> tuple[int, list[str]]:
    port = free_port()
    rule = {
        "type": "payload-hmac-sha256",
        "secret": secret,
        "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
    }
    hook = {"id": "true", "execute-command": "/bin/true", "trigger-rule": {"match": rule}}
    hooks = directory / "webhook.json"
    hooks.write_text(json.dumps([hook]))
    return port, ["webhook", "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port)]


@contextmanager
def _server(directory: Path, name: str, port: int, command: list[str]) -> Iterator[tuple[str, int]]:
    process = Process(["taskset", "-c", "0", *command], directory / f"{name}.log")
    process.start()
    try:
        wait_for(lambda: _listens(port), f"{name} listens")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.stop()


def _listens(port: int) -> bool:
    try:
        http.get(f"http://127.0.0.1:{port}/")
    except OSError:
        return False
    return True


def _figures(
    ours: list[Load], nothing: list[Load], proved: list[Load], theirs: list[Load]
) -> list[Figure]:
    def rate(loads: list[Load]) -> float:
        return median([load.per_second for load in loads])

    def cpu(loads: list[Load]) -> float:
        return median([load.cpu for load in loads]) * 1e6

    def p99(loads: list[Load]) -> float:
        return median([load.p99 for load in loads])

    errors = sum(load.errors for load in (*ours, *nothing, *proved))
    if errors:
        raise SystemExit(f"bench: {errors} hooks were not answered with 2xx")
    return [
        Figure(
            "hooks/s, durable, against a bare handler that answers 202",
            rate(ours) / rate(nothing),
            "×",
            f"{rate(ours):,.0f}/s of {rate(nothing):,.0f}/s; processor time a request"
            f" {cpu(ours):.0f} µs, {cpu(nothing):.0f} µs",
            least=0.18,
        ),
        Figure(
            "hooks/s against webhook, which stores nothing",
            rate(proved) / rate(theirs),
            "×",
            f"{rate(proved):,.0f}/s against {rate(theirs):,.0f}/s",
            least=1.5,
        ),
        Figure(
            "p99 of a hook against webhook's",
            p99(proved) / p99(theirs),
            "×",
            f"{p99(proved) * 1000:.1f} ms against {p99(theirs) * 1000:.0f} ms",
            most=1 / 20,
        ),
    ]
