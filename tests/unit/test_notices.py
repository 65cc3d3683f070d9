"""The text that people get, through Apprise's own JSON service to a real port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from listener.config.notifier import Notifier
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.notice import Notice, notice_of
from listener.notify import NotTaken, sender_for

NOW = utc_now()
LINK = "https://listener.example.com/#/deployments/x"


@pytest.fixture
def service() -> Iterator[tuple[int, list[dict[str, str]]]]:
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path == "/moved":
                self.send_response(307)
                self.send_header("Location", "/")
                return self.end_headers()
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            return self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, got
    server.shutdown()
    server.server_close()


def notice() -> Notice:
    deployment = Deployment(
        id="20260302-120000-000-7f3a9c1e",
        target="web",
        host="h1",
        trigger=Trigger.PUSH,
        image="docker.io/team/web",
        tag="v2",
        from_digest="sha256:" + "a" * 64,
        to_digest="sha256:" + "b" * 64,
        state=State.ROLLED_BACK,
        reason="unhealthy after 12.0 s: {curly}",
        queued_at=NOW,
    )
    return notice_of(deployment, NOW)


async def sent(notifier: dict[str, str], link: str | None = LINK) -> None:
    sender = sender_for(Notifier.model_validate(notifier))
    try:
        await sender.send(notice(), link)
    finally:
        await sender.close()


async def test_the_usual_text_says_what_happened_to_what(
    service: tuple[int, list[dict[str, str]]],
) -> None:
    port, got = service
    await sent({"url": f"json://127.0.0.1:{port}"})
    assert got[0]["title"] == "web on h1: rolled back"
    assert got[0]["message"].splitlines() == [
        "unhealthy after 12.0 s: {curly}",
        "docker.io/team/web:v2, from sha256:aaaaaaaaaaaa to sha256:bbbbbbbbbbbb",
        "deployment 20260302-120000-000-7f3a9c1e, by push",
        LINK,
    ]


async def test_a_template_is_the_whole_text(service: tuple[int, list[dict[str, str]]]) -> None:
    port, got = service
    await sent({"url": f"json://127.0.0.1:{port}", "template": "{target} {state}: {reason} {link}"})
    await sent({"url": f"json://127.0.0.1:{port}", "template": "{from}->{to} {tag}"}, None)
    assert got[0]["message"] == f"web rolled_back: unhealthy after 12.0 s: {{curly}} {LINK}"
    assert got[1]["message"] == "sha256:aaaaaaaaaaaa->sha256:bbbbbbbbbbbb v2"


@pytest.mark.parametrize(
    "notifier",
    [
        {"url": "json://user:hush@127.0.0.1:1/hush"},
        {"url": "http://127.0.0.1:1/hush", "signing_secret": "hush"},
    ],
)
async def test_a_failure_holds_no_secret(
    notifier: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotTaken) as caught:
        await sent(notifier)
    assert "hush" not in str(caught.value) + caplog.text + repr(Notifier.model_validate(notifier))


async def test_a_webhook_leads_nowhere_else(service: tuple[int, list[dict[str, str]]]) -> None:
    port, got = service
    with pytest.raises(NotTaken, match="answered 307"):
        await sent({"url": f"http://127.0.0.1:{port}/moved", "signing_secret": "hush"})
    assert not got
