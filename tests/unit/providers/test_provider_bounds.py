"""What a request may cost is bounded: what is not read is counted, and nothing is cut to fit."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote_plus

import pytest

from listener.model.reference import parse_reference
from listener.providers import PROVIDERS, NotUnderstood, Parsed, Request, Sender
from listener.providers.payload import form_field, part

LAYER = {"action": "push", "target": {"mediaType": "application/octet-stream"}}
GITHUB = {"x-github-event": "package"}
PUSH = {"specversion": "1.0", "type": "pushed", "id": "1"}


def parse(name: str, body: object, headers: dict[str, str] | None = None) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROVIDERS[name].parse(Request(headers or {}, raw), Sender("reg.example.test"))


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("distribution", lambda count: {"events": [LAYER] * count}),
        ("gitlab", lambda count: {"events": [LAYER] * count}),
        ("auto", lambda count: {"events": [LAYER] * count}),
        ("ecr", lambda count: [{"source": "aws.s3", "detail-type": "x"}] * count),
        ("quay", lambda count: {"docker_url": "quay.io/a/b", "updated_tags": [0] * count}),
        (
            "harbor",
            lambda count: {
                "type": "PUSH_ARTIFACT",
                "event_data": {
                    "repository": {"repo_full_name": "a/b"},
                    "resources": [{}] * count,
                },
            },
        ),
        (
            "harbor",
            lambda count: [
                PUSH
                | {
                    "type": "harbor.artifact.pushed",
                    "data": {"repository": {"repo_full_name": "a/b"}, "resources": resources},
                }
                for resources in ([{}] * (count - 700), [{}] * 699, [])
            ],
        ),
    ],
)
def test_a_thousand_entries_are_read_and_the_rest_is_counted(
    name: str, wrap: Callable[[int], object]
) -> None:
    batch = isinstance(wrap(1), list) and name == "harbor"
    headers = {"content-type": "application/cloudevents-batch+json"} if batch else {}
    assert len(parse(name, wrap(1000), headers).ignored) == 1000
    parsed = parse(name, wrap(2345), headers)
    assert parsed.events == ()
    assert len(parsed.ignored) == 1001
    assert parsed.ignored[-1] == "1,345 more entries: of one request the first 1,000 are read"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("acr", {"eventType": "x"}),
        ("acr", PUSH),
        ("auto", PUSH | {"type": "deleted"}),
        ("cloudevents", PUSH | {"type": "deleted"}),
        ("zot", PUSH),
    ],
)
def test_what_is_taken_whole_is_refused_with_more_than_a_thousand(name: str, entry: object) -> None:
    assert len(parse(name, [entry] * 1000).ignored) == 1000
    with pytest.raises(NotUnderstood, match=r"^expected at most 1,000 events, got 1,001$"):
        parse(name, [entry] * 1001)


TOO_MANY = "[" + "0," * 30_000 + "0]"
DENSE = "[" + "0," * 29_997 + "0]"


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("cloudevents", lambda text: PUSH | {"data_base64": base64.b64encode(text).decode()}),
        ("ecr", lambda text: {"Type": "Notification", "Message": text.decode()}),
        ("gar", lambda text: {"message": {"data": base64.b64encode(text).decode()}}),
    ],
)
def test_a_document_within_a_document_is_bounded_too(
    name: str, wrap: Callable[[bytes], object]
) -> None:
    for text, sentence in (
        (b"[" * 20_000, "got JSON nested too deeply"),
        (b"1" * 5_000, "got JSON with an endless number"),
        (TOO_MANY.encode(), "30,000 values"),
        (b"\xef\xbb\xbf[", "got invalid JSON at line 1, column 2"),
    ):
        with pytest.raises(NotUnderstood) as refused:
            parse(name, wrap(text))
        assert sentence in str(refused.value)


def test_as_many_values_as_are_read() -> None:
    with pytest.raises(NotUnderstood, match=r"got a list$"):
        parse("distribution", DENSE.encode())


def test_a_document_within_a_document_may_be_long() -> None:
    data = json.dumps({"image": "a.example.com/b:1", "note": "x" * 500_000}).encode()
    event = PUSH | {"data_base64": base64.b64encode(data).decode()}
    (found,) = parse("cloudevents", event).events
    assert str(found.image) == "a.example.com/b:1"


@pytest.mark.parametrize("name", ["distribution", "auto"])
def test_a_long_text_is_no_name_however_it_begins(name: str) -> None:
    target = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "repository": "shop/api",
        "tag": "1",
    }

    def reason(**parts: str) -> str:
        parsed = parse(name, {"events": [{"action": "push", "target": target | parts}]})
        assert parsed.events == ()
        return parsed.ignored[0]

    assert "is not an image reference" in reason(repository="a" * 100_000)
    assert "is not a tag" in reason(tag="1" * 100_000)
    assert "is not a tag" in reason(tag="1" + " " * 100_000 + "1")
    assert "is not a digest" in reason(digest="sha256:" + "5c" * 50_000)
    assert "is not a registry host" in reason(url="https://" + "a." * 50_000 + "com/v2/")


def test_an_id_is_cut_with_a_mark() -> None:
    assert part("  x  ") == "x"
    assert part("x" * 2000) == "x" * 2000
    assert part("x" * 2001) == "x" * 2000 + "…"


@pytest.mark.parametrize("text", ["", "a=b&c+d%", "ü€😀\x00", "\r\n=\n==", '{"a": "%2B=0A"}'])
def test_a_form_is_decoded_as_it_was_encoded(text: str) -> None:
    form = f"first=1&payload={quote_plus(text)}&last=%zz".encode()
    assert form_field(form, "payload", "x") == text.encode()


@pytest.mark.parametrize("text", [b"a\nb", b"a\r\n", b"=", b"a=\n", b"+ +"])
def test_what_should_have_been_encoded_is_taken_as_it_stands(text: bytes) -> None:
    assert form_field(b"payload=" + text, "payload", "x") == text.replace(b"+", b" ")


@pytest.mark.parametrize(
    "text", [b"%", b"a%4", b"%zz", b"%%41", b"%\n", b"%\r41\n", b"%=41", b"%4%"]
)
def test_a_broken_form_is_refused(text: bytes) -> None:
    with pytest.raises(NotUnderstood, match=r"^expected x, got an invalid form$"):
        form_field(b"payload=" + text, "payload", "x")


def test_unprintable_text_is_shown_as_short_as_any() -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse("generic", {chr(0x10FFF0 + n) * 100: n for n in range(10)})
    assert len(str(refused.value)) < 700


def test_a_number_of_thousands_of_digits_is_told_not_shown() -> None:
    body = b'{"docker_url": "quay.io/a/b", "updated_tags": [' + b"9" * 4300 + b"]}"
    assert parse("quay", body).ignored == (
        "expected a tag among the updated tags, got a huge number",
    )
    body = b'{"specversion": "1.0", "type": "deleted", "id": ' + b"9" * 4300 + b"}"
    assert parse("cloudevents", body).ignored == ("the event 'deleted' is not a push",)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("gar", "x-goog-pubsub-message-id"),
        ("generic", "webhook-id"),
        ("gitea", "x-gitea-delivery"),
        ("github", "x-github-delivery"),
        ("nexus", "x-nexus-webhook-delivery"),
    ],
)
def test_an_id_in_a_header_is_cut_too(name: str, header: str) -> None:
    host = "ghcr.io" if name == "github" else "reg.example.test"
    sample = PROVIDERS[name].sample(parse_reference(f"{host}/shop/api:1"))
    if name == "gar":
        sample = Request({}, b'{"action": "INSERT", "tag": "gcr.io/shop/api:1"}')
    request = Request({**sample.headers, header: f" {'7' * 8000} "}, sample.body)
    (event,) = PROVIDERS[name].parse(request, Sender(host)).events
    assert event.delivery == "7" * 2000 + "…"


@pytest.mark.parametrize("body", [b'{"image": "a.example.com/b:1"}', b'{"image": ', b"[]", b"{}"])
def test_a_body_is_read_once_though_its_format_is_looked_for_first(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text: read.append(text) or loads(text))
    request = Request({}, body)
    with suppress(NotUnderstood):
        PROVIDERS["auto"].concrete(request).parse(request, Sender())
    assert read == [body.decode()]
