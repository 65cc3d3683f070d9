"""What strangers do to the port that everybody reaches, and what of it anybody notices."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from listener.demo import http
from listener.demo.listener import Listener
from listener.demo.waiting import wait_for

TOKEN = "a-token-of-the-hook"
PUSH = b'{"image": "registry.example.com/team/web:1"}'
CROWD = 10_000


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Listener]:
    """A receiver that began with the limit of open files that systems have by habit."""
    hooks = {
        "ci": {"provider": "generic", "token": TOKEN},
        "hub": {"provider": "dockerhub", "token": TOKEN},
        "azure": {"provider": "acr", "token": TOKEN},
        "events": {"provider": "cloudevents", "token": TOKEN, "origins": ["*"]},
    }
    nobody = f"unix://{tmp_path}/nobody.sock"
    listener = Listener(tmp_path, {"hooks": hooks, "engine": nobody})
    with _open_files(1024):
        listener.start(ready=False)
    wait_for(lambda: _alive(listener), "the receiver answers")
    yield listener
    listener.stop()


@contextmanager
def _open_files(most: int) -> Iterator[None]:
    """The limit for what is started or opened meanwhile; not above that of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _alive(listener: Listener) -> bool:
    with suppress(OSError):
        return http.get(f"{listener.public}/healthz").status == 200
    return False


def _push(listener: Listener) -> int:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return http.request("POST", f"{listener.public}/hooks/ci", PUSH, headers).status


def _connect(listener: Listener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener.public_port), 10)


@pytest.mark.timeout(600)
def test_thousands_who_connect_and_say_nothing_keep_no_push_out(receiver: Listener) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500
    with _open_files(CROWD + 500), ExitStack() as crowd:
        sockets = [crowd.enter_context(_connect(receiver)) for _ in range(min(CROWD, most))]
        for stranger in sockets[::2]:
            # Slowly: a head that never ends.
            stranger.sendall(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert _push(receiver) == 202
        for stranger in sockets[:2]:
            stranger.settimeout(60)
            assert stranger.recv(1) == b"", "it was told to leave"
        assert _push(receiver) == 202


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n", 400),
        (b"POST /hooks/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"POST /hooks/%2e%2e%2fetc HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids=["a huge header", "a way up", "a hidden way up", "another host's name", "TLS"],
)
def test_what_is_no_hook_is_answered_and_forgotten(
    receiver: Listener, said: bytes, status: int
) -> None:
    with _connect(receiver) as stranger:
        stranger.settimeout(10)
        stranger.sendall(said)
        answer = stranger.recv(4096)
    assert answer.startswith(b"HTTP/1.1 %d " % status) or answer.startswith(
        b"HTTP/1.0 %d " % status
    )
    assert b"Traceback" not in answer
    assert _push(receiver) == 202


def test_a_compressed_bomb_is_refused_unopened(receiver: Listener) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}
    answer = http.request("POST", f"{receiver.public}/hooks/ci", b"\x1f\x8b" * 1000, headers)
    assert answer.status == 400
    assert "Content-Encoding" in answer.json["error"]


def test_no_address_in_a_payload_is_called(receiver: Listener) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with socket.create_server(("127.0.0.1", 0)) as inside:
        where = f"http://127.0.0.1:{inside.getsockname()[1]}"
        pushed = {"push_data": {"tag": "1"}, "repository": {"repo_name": "team/web"}}
        validated = {
            "id": "1",
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "data": {"validationCode": "code", "validationUrl": where},
        }
        host = where.removeprefix("http://")
        for path, content, status in (
            ("hub/" + TOKEN, {**pushed, "callback_url": where}, 202),
            ("azure", [validated], 200),
            ("ci", {"image": f"{host}/team/web:1"}, 202),
        ):
            answer = http.post_json(f"{receiver.public}/hooks/{path}", content, headers)
            assert answer.status == status, (path, answer.text)
        asks = {"WebHook-Request-Origin": "x.example.com", "WebHook-Request-Callback": where}
        assert http.request("OPTIONS", f"{receiver.public}/hooks/events", None, asks).status == 200
        # What came later has been recorded too, so all of it was looked at.
        assert _push(receiver) == 202
        inside.setblocking(False)
        with pytest.raises(BlockingIOError):
            inside.accept()
