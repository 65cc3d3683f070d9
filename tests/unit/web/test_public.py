"""The public port over real HTTP: what each sender is answered, and what is stored."""

from __future__ import annotations

import asyncio
import json
import zlib

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from listener.config import Hook
from listener.store import Unavailable
from listener.web import batches, limits
from tests.unit.conftest import a_view
from tests.unit.web.public_port import BODY, SIGNATURE, TOKEN, Port, sample, settings


async def test_a_push_is_stored_and_told(port: Port) -> None:
    port.views = [a_view(image="registry.example.test/shop/api", tag="1.4.2", policy="1.4.2")]
    code, answer = await port.send("/hooks/ci", BODY, X_Hub_Signature_256=SIGNATURE)
    (push,) = port.log.by_key.values()
    assert code == 202
    assert answer == {
        "pushes": [
            {
                "id": push.id,
                "image": "registry.example.test/shop/api",
                "tag": "1.4.2",
                "digest": None,
                "targets": ["web"],
                "duplicate": False,
            }
        ],
        "ignored": [],
    }
    assert (push.hook, push.provider) == ("ci", "generic")


async def test_aliases_are_resolved(port: Port) -> None:
    await port.send("/hooks/open", [{"image": "localhost:5000/a:1"}, {"image": "nginx:1"}])
    assert port.log.images == ["registry.example.test/a:1", "docker.io/library/nginx:1"]


async def test_one_of_an_envelope_counts_and_the_rest_is_told_once(port: Port) -> None:
    body = sample("distribution/whole_push")
    code, answer = await port.send("/hooks/private", body, authorization=f"Bearer {TOKEN}")
    assert code == 202
    assert [push["tag"] for push in answer["pushes"]] == ["1.4.2"]
    assert answer["ignored"] == [
        {"reason": "a layer or a configuration, not an image (2 events)"},
        {"reason": "a manifest without a tag: one platform of an image, or pushed by digest"},
        {"reason": "a pull: nothing was pushed (2 events)"},
    ]


@pytest.mark.parametrize(
    ("hook", "name"),
    [("hub", "dockerhub/push"), ("private", "distribution/many_images")],
)
async def test_a_repeated_delivery_is_stored_once(port: Port, hook: str, name: str) -> None:
    first = await port.send(f"/hooks/{hook}/{TOKEN}", sample(name))
    respelled = json.dumps(sample(name), indent=3).encode()
    second = await port.send(f"/hooks/{hook}/{TOKEN}", respelled)
    assert first[0] == second[0] == 202
    ids = [push["id"] for push in first[1]["pushes"]]
    assert [push["id"] for push in second[1]["pushes"]] == ids
    assert {push["duplicate"] for push in first[1]["pushes"]} == {False}
    assert {push["duplicate"] for push in second[1]["pushes"]} == {True}
    assert len(port.log.by_key) == len(ids)


async def test_a_later_push_of_the_same_tag_is_another(port: Port) -> None:
    body = sample("dockerhub/push")
    await port.send(f"/hooks/hub/{TOKEN}", body)
    body["push_data"]["pushed_at"] += 1
    _, answer = await port.send(f"/hooks/hub/{TOKEN}", body)
    assert answer["pushes"][0]["duplicate"] is False


async def test_without_id_time_and_digest_each_delivery_is_a_push(port: Port) -> None:
    for _ in range(2):
        _, answer = await port.send("/hooks/open", {"image": "a/b:1"})
        assert answer["pushes"][0]["duplicate"] is False
    assert len(port.log.by_key) == 2


async def test_without_id_and_time_the_digest_tells_a_tags_newest_push(port: Port) -> None:
    body = {"image": "a/b:1", "digest": "sha256:" + "0" * 64}
    first, again = [await port.send("/hooks/open", body) for _ in range(2)]
    assert [answer[1]["pushes"][0]["duplicate"] for answer in (first, again)] == [False, True]
    assert again[1]["pushes"][0]["id"] == first[1]["pushes"][0]["id"]
    _, other = await port.send("/hooks/open", body | {"image": "a/b:2"})
    assert other["pushes"][0]["duplicate"] is False


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/hooks/private/{TOKEN}", "distribution/delete_and_mount"),
        (f"/hooks/private/{TOKEN}", "distribution/empty"),
        (f"/hooks/hub/{TOKEN}", "dockerhub/no_tag"),
        ("/hooks/open", "generic/empty_list"),
    ],
)
async def test_nothing_to_do_says_why(port: Port, path: str, name: str) -> None:
    code, answer = await port.send(path, sample(name))
    assert code == 200
    assert answer["pushes"] == []
    assert answer["ignored"]
    assert not port.log.by_key


BAD_BODIES = [b"", b"no json", b"[" * 20_000, b"\xff", b'{"image": 1}', b"null"]


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_what_is_not_understood(port: Port, body: bytes) -> None:
    code, answer = await port.send("/hooks/open", body)
    assert code == 400
    assert answer["error"].startswith("expected ")


@pytest.mark.parametrize("body", BAD_BODIES[:-2])
async def test_a_sender_that_repeats_is_thanked_for_what_is_unusable(
    port: Port, body: bytes
) -> None:
    code, answer = await port.send("/hooks/private", body, authorization=f"Bearer {TOKEN}")
    assert code == 200
    assert answer["pushes"] == []
    assert answer["ignored"][0]["reason"].startswith("expected a Distribution envelope")
    code, _ = await port.send("/hooks/private", body)
    assert code == 401


async def test_all_401_are_alike(port: Port) -> None:
    answers = [
        await port.send("/hooks/hub", b"{}"),
        await port.send("/hooks/hub/wrong", b"{}"),
        await port.send("/hooks/hub?token=wrong", b"{}"),
        await port.send("/hooks/hub", b"{}", authorization="Bearer wrong"),
        await port.send("/hooks/ci", BODY),
        await port.send("/hooks/ci", BODY + b" ", X_Hub_Signature_256=SIGNATURE),
    ]
    assert port.headers["WWW-Authenticate"] == "Bearer"
    assert answers == [(401, {"error": "missing or wrong token or signature"})] * 6


async def test_a_token_in_the_query(port: Port) -> None:
    code, _ = await port.send(f"/hooks/hub?token={TOKEN}", sample("dockerhub/push"))
    assert code == 202


async def test_repositories_that_a_hook_may_deploy(port: Port) -> None:
    code, answer = await port.send("/hooks/team", {"image": "r.example/other/x:1"})
    assert code == 403
    assert answer == {"error": "this hook may not deploy the repository other/x"}
    images = ["r.example/team/x:1", "r.example/team/a/b:1", "r.example/web:1", "r.example/webs:1"]
    code, answer = await port.send("/hooks/team", [{"image": image} for image in images])
    assert code == 202
    assert port.log.images == images[:3]
    assert answer["ignored"] == [{"reason": "this hook may not deploy the repository webs"}]


async def test_a_hook_speaks_for_its_registry_only(port: Port) -> None:
    for image in ("a/b:1", "10.0.0.5:5000/a/b:2", "registry.example.test/a/b:3"):
        assert (await port.send("/hooks/mine", {"image": image}))[0] == 202
    assert port.log.images == [f"registry.example.test/a/b:{n}" for n in (1, 2, 3)]
    code, answer = await port.send("/hooks/mine", {"image": "ghcr.io/a/b:1"})
    assert code == 403
    assert "registry.example.test only, not for ghcr.io" in answer["error"]


async def test_a_foreign_repository_does_not_block_a_sender_that_repeats(port: Port) -> None:
    body = sample("distribution/index_with_tag")
    code, answer = await port.send(f"/hooks/narrow/{TOKEN}", body)
    assert code == 200
    assert answer["ignored"] == [{"reason": "this hook may not deploy the repository shop/api"}]


async def test_addresses(port: Port) -> None:
    code, answer = await port.send("/hooks/away", BODY, X_Forwarded_For="192.0.2.7")
    assert (code, answer) == (403, {"error": "this address is not allowed"})
    assert (await port.send("/hooks/near", BODY))[0] == 202


async def test_paths_and_methods(port: Port) -> None:
    assert await port.send("/hooks/nobody", BODY) == (
        404,
        {"error": "there is no hook of this name"},
    )
    for path in ("/", "/hooks", "/hooks/", "/hooks/hub/a/b", "/metrics"):
        code, answer = await port.send(path, BODY)
        assert code == 404, path
        assert answer == {"error": "nothing is served here: hooks are at /hooks/NAME"}
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        code, answer = await port.send(f"/hooks/hub/{TOKEN}", method=method)
        assert (code, answer) == (405, {"error": "a hook takes POST only"})
        assert port.headers["Allow"] == "POST"
    code, answer = await port.send("/healthz")
    assert code == 405
    assert answer == {"error": "method not allowed"}


async def test_sign_of_life(port: Port) -> None:
    async with ClientSession() as session, session.get(port.url + "/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
        assert answer.headers["Server"] == "listener"


async def test_the_longest_body(port: Port) -> None:
    padded = BODY + b" " * (20_000 - len(BODY))
    assert (await port.send("/hooks/open", padded))[0] == 202
    code, answer = await port.send("/hooks/open", padded + b" ")
    assert (code, answer) == (413, {"error": "the body is longer than 20000 bytes"})


async def exchange(port: Port, *parts: bytes) -> bytes:
    """The status line and headers that come back on a bare connection."""
    host, _, number = port.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    finally:
        writer.close()
        await writer.wait_closed()


HEAD = b"POST /hooks/open HTTP/1.1\r\nHost: x\r\n"


async def test_a_chunked_body_is_measured_too(port: Port) -> None:
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 6)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_broken_chunk_is_the_senders_fault(port: Port) -> None:
    answer = await exchange(port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n")
    assert b" 400 " in answer.partition(b"\r\n")[0]


async def test_a_body_that_does_not_come(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_TIMEOUT", 0.05)
    answer = await exchange(port, HEAD + b"Content-Length: 10\r\n\r\n", b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_compressed_body_is_refused(port: Port) -> None:
    code, answer = await port.send("/hooks/open", zlib.compress(BODY), Content_Encoding="deflate")
    assert code == 400
    assert "Content-Encoding" in answer["error"]
    assert (await port.send("/hooks/open", BODY, Content_Encoding="identity"))[0] == 202


@pytest.mark.parametrize("provider_path", ["/hooks/open", f"/hooks/private/{TOKEN}"])
async def test_a_store_that_is_away(
    port: Port, provider_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STORE_TIMEOUT", 0.05)
    body = BODY if "open" in provider_path else sample("distribution/index_with_tag")
    for port.log.fault, port.log.stuck in ((Unavailable("no connection"), False), (None, True)):
        code, answer = await port.send(provider_path, body)
        assert code == 503
        assert int(port.headers["Retry-After"]) > 0
        assert answer == {"error": "pushes cannot be stored now: send it again later"}


async def test_a_fault_of_ours_shows_nothing_inside(port: Port) -> None:
    port.log.fault = RuntimeError("inner workings")
    with capture_logs() as lines:
        code, answer = await port.send("/hooks/open", BODY)
    assert code == 500
    assert answer == {"error": "this request could not be handled: see the log"}
    assert [line["log_level"] for line in lines] == ["error", "info"]


async def test_one_line_for_each_request_without_secrets(port: Port) -> None:
    with capture_logs() as lines:
        await port.send(f"/hooks/hub/{TOKEN}", sample("dockerhub/push"))
        await port.send("/hooks/hub/wrong-token", b"{}")
        await port.send(f"/hooks/{TOKEN}", b"{}")
    (push,) = port.log.by_key.values()
    assert [(line["hook"], line["provider"], line["code"], line["outcome"]) for line in lines] == [
        ("hub", "dockerhub", 202, "stored"),
        ("hub", "dockerhub", 401, "refused"),
        ("", "", 404, "no such hook"),
    ]
    assert lines[0]["pushes"] == [push.id]
    assert all(line["log_level"] == "info" for line in lines)
    assert TOKEN not in repr(lines)
    assert "wrong-token" not in repr(lines)


async def test_a_push_that_a_target_follows_does_not_count_as_one_for_nobody(port: Port) -> None:
    port.views = [a_view(image="registry.example.test/shop/api", tag="1.4.2", policy="1.4.2")]
    await port.send("/hooks/ci", BODY, X_Hub_Signature_256=SIGNATURE)
    nothing = 'listener_pushes_total{hook="ci",outcome="matched_nothing"} 0.0'
    assert nothing in port.exposed()


async def test_metrics(port: Port) -> None:
    assert 'listener_pushes_total{hook="hub",outcome="stored"} 0.0' in port.exposed()
    await port.send(f"/hooks/hub/{TOKEN}", sample("dockerhub/push"))
    await port.send(f"/hooks/hub/{TOKEN}", sample("dockerhub/push"))
    await port.send(f"/hooks/private/{TOKEN}", sample("distribution/whole_push"))
    await port.send("/hooks/made-up-by-a-stranger", b"")
    exposed = port.exposed()
    for line in (
        'listener_pushes_total{hook="hub",outcome="stored"} 1.0',
        'listener_pushes_total{hook="hub",outcome="duplicate"} 1.0',
        'listener_pushes_total{hook="private",outcome="ignored"} 5.0',
        'listener_pushes_total{hook="hub",outcome="matched_nothing"} 1.0',
        'listener_hook_requests_total{code="202",hook="hub",provider="dockerhub"} 2.0',
        'listener_hook_requests_total{code="404",hook="",provider=""} 1.0',
    ):
        assert line in exposed
    assert "stranger" not in exposed


async def test_hooks_are_replaced_while_it_runs(port: Port) -> None:
    port.hooks.replace(settings(fresh=Hook(provider="generic", unauthenticated=True)))
    assert (await port.send("/hooks/fresh", BODY))[0] == 202
    assert (await port.send("/hooks/open", BODY))[0] == 404
