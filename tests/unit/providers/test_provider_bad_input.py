"""What is not the provider's format is refused with a sentence, never with another exception."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import pytest

from listener.providers import MAX_EVENTS, PROVIDERS, NotUnderstood, Parsed, Request, Sender

DIGEST = "sha256:" + "4f" * 32
GITHUB = {"x-github-event": "package", "x-github-delivery": "1-2-3"}
HEADERS = {
    "github": GITHUB,
    "gitea": {"x-gitea-event": "package"},
    "nexus": {"x-nexus-webhook-id": "rm:repository:component"},
}
NAMES = sorted(PROVIDERS)


def parse(name: str, body: object, headers: dict[str, str] | None = None) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = HEADERS.get(name, {}) if headers is None else headers
    return PROVIDERS[name].parse(Request(sent, raw), Sender())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("body", "came"),
    [
        (b"", "got an empty body"),
        (b" \n", "got an empty body"),
        (b'{"image": ', "got invalid JSON at line 1, column 11"),
        (b"\xff\xfe\x00\xd8", "got bytes that are not text"),
        (b'{"image": "\xff"}', "got bytes that are not text"),
        (b"[" * 20_000, "got JSON nested too deeply"),
        (b'{"a":' * 20_000, "got JSON nested too deeply"),
        (b"[" * 200_000, "got JSON of more than 30,000 values"),
        (b"[" + b"0," * 30_000 + b"0]", "got JSON of more than 30,000 values"),
        (b"1" * 5000, "got JSON with an endless number"),
        (b"17", "got the value '17'"),
        (b'"text"', "got a text"),
        (b"null", "got null"),
    ],
)
def test_what_is_no_such_json(name: str, body: bytes, came: str) -> None:
    with pytest.raises(NotUnderstood, match=r"^expected ") as refused:
        parse(name, body)
    assert came in str(refused.value)


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("acr", {"target": {}}, "got an object with the keys 'target'"),
        ("acr", [{"eventType": 3}], "got an object with the keys 'eventType'"),
        ("acr", {"specversion": "1.0"}, "got a CloudEvent without a type"),
        ("aliyun", {"repository": {"repo_name": "a/b"}}, "got an object with the keys"),
        ("artifactory", {"domain": "docker"}, "got an object with the keys 'domain'"),
        ("auto", {"ref": "main"}, "got an object with the keys 'ref'"),
        ("auto", [[{"image": "a/b:1"}]], "got a list"),
        ("cloudevents", {"specversion": "1.0", "type": "x", "data": 3}, "data that is the value"),
        ("distribution", {"events": {}}, 'expected a Distribution envelope {"events": […]}'),
        ("distribution", [], "got a list"),
        ("dockerhub", {}, "got an empty object"),
        ("dockerhub", {"image": "a/b:1"}, "got an object with the keys 'image'"),
        ("dockerhub", {"repository": {"repo_name": "a/b"}, "push_data": {"tag": 3}}, "expected"),
        (
            "dockerhub",
            {"repository": {"repo_name": "a/b"}, "push_data": {"tag": "no tag"}},
            "'no tag' is not a tag",
        ),
        (
            "dockerhub",
            {"repository": {"repo_name": "../b"}, "push_data": {"tag": "1"}},
            "is not an image reference",
        ),
        ("ecr", {"source": "aws.ecr"}, "got an object with the keys 'source'"),
        ("ecr", {"Type": "Notification", "Message": "\ud800"}, "got bytes that are not text"),
        ("gar", {"message": {"data": "%%"}}, "got data that is no base64"),
        ("gar", {"action": "INSERT", "tag": "gcr.io/a b:1"}, "is not an image reference"),
        ("gitea", {"action": "created"}, "got an object with the keys 'action'"),
        ("github", {"action": "published"}, "got an object with the keys 'action'"),
        ("generic", {"digest": DIGEST}, "got an object with the keys 'digest'"),
        ("generic", {"image": 3}, "got an object with the keys 'image'"),
        ("generic", {"image": "a/b"}, "neither a tag nor a digest"),
        ("generic", {"image": "a/b:1", "tag": "2"}, "two tags for one image: '1' and '2'"),
        ("generic", {"image": f"a/b@{DIGEST}", "digest": DIGEST[:-1] + "0"}, "two digests"),
        ("generic", {"image": "a/b:1", "digest": "sha256:12"}, "'sha256:12' is not a digest"),
        ("generic", {"image": "https://a.example/b:1"}, "is not"),
        ("generic", {"image": "a b:1"}, "is not an image reference"),
        ("generic", {"registry": "a b", "repository": "c", "tag": "1"}, "not a registry host"),
        ("generic", [{"image": "a/b:1"}, {}], "number 2 of the list: expected"),
        ("generic", [{"image": "a/b:1"}, [[]]], "number 2 of the list: expected"),
        ("generic", [{"image": "a/b:1"}] * (MAX_EVENTS + 1), "at most 100 images, got 101"),
        ("harbor", {"type": 3}, "got an object with the keys 'type'"),
        ("harbor", {"type": "pushImage", "event_data": []}, "got data that is a list"),
        ("harbor", {"specversion": "0.3", "type": "x"}, "CloudEvents of version '0.3'"),
        ("nexus", {"component": []}, "got an object with the keys 'component'"),
        ("quay", {"updated_tags": ["1"]}, "got an object with the keys 'updated_tags'"),
    ],
)
def test_what_is_no_such_payload(name: str, body: object, sentence: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse(name, body)
    assert sentence in str(refused.value)


def test_github_needs_its_event_header() -> None:
    with pytest.raises(NotUnderstood, match="X-GitHub-Event"):
        parse("github", {"package": {}}, {})


def test_github_reads_a_form() -> None:
    headers = {**GITHUB, "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    version = {"package_url": "ghcr.io/acme/shop:1", "container_metadata": {"tag": {"name": "1"}}}
    package = {"package_type": "container", "package_version": version}
    payload = json.dumps({"action": "published", "package": package})
    form = urlencode({"payload": payload}).encode()

    (event,) = parse("github", form, headers).events

    assert str(event.image) == "ghcr.io/acme/shop:1"
    for bad in (b"payload", b"other=1", b"", b"payload=%ff", b"&".join([b"a=1"] * 50)):
        with pytest.raises(NotUnderstood):
            parse("github", bad, headers)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    (event,) = parse("generic", '\ufeff{"image": "a/b:1"}'.encode()).events
    assert str(event.image) == "docker.io/a/b:1"


def test_a_foreign_text_is_shown_short() -> None:
    with pytest.raises(NotUnderstood) as refused:
        parse("generic", {f"{n}" * 10_000: n for n in range(1000)})
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "distribution",
            {
                "events": [
                    {
                        "action": "push",
                        "target": {
                            "mediaType": "application/vnd.oci.image.index.v1+json",
                            "repository": "shop/api",
                            "tag": "1",
                            "url": "http://reg.example.test/v2/",
                        },
                    }
                ]
                * 150
            },
        ),
        (
            "cloudevents",
            [{"specversion": "1.0", "type": "pushed", "data": {"image": "a/b:1"}}] * 150,
        ),
        (
            "ecr",
            [
                {
                    "source": "aws.ecr",
                    "detail-type": "ECR Image Action",
                    "account": "111122223333",
                    "region": "eu-west-1",
                    "detail": {
                        "action-type": "PUSH",
                        "result": "SUCCESS",
                        "repository-name": "a/b",
                        "image-tag": "1",
                    },
                }
            ]
            * 150,
        ),
        ("quay", {"docker_url": "quay.io/a/b", "updated_tags": ["1"] * 150}),
        (
            "harbor",
            {
                "type": "PUSH_ARTIFACT",
                "event_data": {
                    "resources": [{"tag": "1", "resource_url": "harbor.example.test/a/b:1"}] * 150,
                    "repository": {"repo_full_name": "a/b"},
                },
            },
        ),
    ],
)
def test_a_list_brings_a_bounded_number_of_pushes(name: str, body: object) -> None:
    parsed = parse(name, body)
    assert len(parsed.events) == MAX_EVENTS
    assert parsed.ignored == ("one request brings at most 100 pushes: the rest is not read",)


def test_an_endless_name_is_read_once_and_not_for_each_resource() -> None:
    started = time.process_time()
    data = {
        "repository": {"repo_full_name": "a-" * 250_000 + "!"},
        "resources": [{"tag": "1", "resource_url": "harbor.example.test/a"}] * 9_000,
    }
    with pytest.raises(NotUnderstood, match="is not an image reference"):
        parse("harbor", {"type": "PUSH_ARTIFACT", "event_data": data})
    assert time.process_time() - started < 5


def test_an_actor_is_printable_and_short() -> None:
    payload = {
        "repository": {"repo_name": "a/b"},
        "push_data": {"tag": "1", "pusher": "mallory\n\x1b[2J\ud800" + "x" * 500},
    }
    (event,) = parse("dockerhub", payload).events
    assert event.actor is not None
    assert event.actor.startswith("mallory[2Jxxx")
    assert len(event.actor) == 200
