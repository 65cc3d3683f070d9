"""`auto` finds the provider whose format a request is in."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from listener.config import Hook
from listener.model.reference import parse_reference
from listener.providers import PROVIDERS, NotUnderstood, Request, Sender
from listener.providers.verify import Refused, authenticate

AUTO = PROVIDERS["auto"]
SAMPLES = Path(__file__).parents[2] / "samples"
# GitLab's registry sends what Distribution does.
FILES = sorted(
    file
    for name in PROVIDERS.keys() - {"auto", "gitlab"}
    for file in (SAMPLES / name).glob("*.json")
    if json.loads(file.read_text()).get("pushes")
)
JSON = {"content-type": "application/json"}
DIGEST = "sha256:" + "4f" * 32
KEY = "demo-key-not-a-secret"


def found(body: object, headers: dict[str, str] | None = None) -> str:
    return AUTO.concrete(Request(headers or {}, json.dumps(body).encode())).name


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_push_of_every_provider_is_found_by_what_was_sent(file: Path) -> None:
    sample: dict[str, Any] = json.loads(file.read_text())
    body = sample["raw"] if "raw" in sample else json.dumps(sample["body"])
    request = Request(sample["headers"], body.encode())
    sender = Sender(sample.get("registry"), sample.get("places", {}))
    own = PROVIDERS[file.parent.name].parse(request, sender)

    assert AUTO.parse(request, sender) == own


@pytest.mark.parametrize("name", sorted(PROVIDERS.keys() - {"auto", "gitlab"}))
def test_what_a_provider_makes_up_is_found_to_be_its_own(name: str) -> None:
    request = PROVIDERS[name].sample(parse_reference("registry.example.com/team/web:v1"))
    assert AUTO.concrete(request).name == name


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"x-amz-sns-message-type": "Notification", "x-github-event": "ping"}, "ecr"),
        ({"x-nexus-webhook-id": "rm:audit"}, "nexus"),
        ({"x-gitea-event": "package", "x-github-event": "package"}, "gitea"),
        ({"x-forgejo-event": "package", "x-github-event": "package"}, "gitea"),
        ({"x-gogs-event": "package"}, "gitea"),
        ({"x-github-event": "package"}, "github"),
        ({"x-gitlab-event": "Push Hook"}, "gitlab"),
        (
            {"content-type": "application/vnd.docker.distribution.events.v1+json"},
            "distribution",
        ),
    ],
)
def test_headers_decide_in_this_order(headers: dict[str, str], name: str) -> None:
    assert found({"image": "a/b:1"}, {**JSON, **headers}) == name


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        ("com.amazon.ecr.image.push", {}, "ecr"),
        ("harbor.artifact.pushed", {}, "harbor"),
        ("Microsoft.ContainerRegistry.ImagePushed", {}, "acr"),
        ("zotregistry.image.deleted", {}, "zot"),
        ("com.example.image.updated", {"name": "shop/api", "reference": "1"}, "zot"),
        ("com.example.image.updated", {"repository": "shop/api", "tag": "1"}, "cloudevents"),
        ("com.example.image.deleted", {"name": "shop/api", "reference": "1"}, "cloudevents"),
    ],
)
def test_a_cloud_event_is_told_by_its_type(kind: str, data: object, name: str) -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": kind}
    structured = {**attributes, "data": data}
    assert found(data, {f"ce-{key}": value for key, value in attributes.items()}) == name
    assert found(structured, {"content-type": "application/cloudevents+json"}) == name
    assert found([structured], {"content-type": "application/cloudevents-batch+json"}) == name
    assert found(structured, JSON) == name


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"id": "1", "timestamp": "2026-03-01T10:00:00Z", "action": "ping"}, "acr"),
        ({"docker_url": "quay.io/a/b", "build_id": "1"}, "quay"),
        ({"Type": "SubscriptionConfirmation", "TopicArn": "arn:…"}, "ecr"),
        ({"action": "DELETE", "digest": f"gcr.io/a/b@{DIGEST}"}, "gar"),
        ({"domain": "artifact", "event_type": "deployed", "data": {}}, "artifactory"),
        ({"type": "PULL_ARTIFACT", "event_data": {}}, "harbor"),
        ({"image": "a/b:1", "action": "push", "tag": "1"}, "generic"),
        ({"artifact": "a/b", "digest": DIGEST}, "generic"),
        ({"registry": "r.example", "repository": "a/b", "digest": DIGEST}, "generic"),
        ([{"name": "a/b", "tag": "1"}, {"image": "a/b:1"}], "generic"),
        ({"ref": "main"}, "auto"),
        ([], "generic"),
        ([[]], "auto"),
        (None, "auto"),
    ],
)
def test_without_such_headers_the_shape_decides(body: object, name: str) -> None:
    assert found(body, JSON) == name


def test_an_unknown_shape_is_told_what_is_known() -> None:
    with pytest.raises(NotUnderstood) as refused:
        AUTO.parse(Request(JSON, b'{"ref": "main"}'), Sender())
    sentence = str(refused.value)
    assert all(name in sentence for name in PROVIDERS.keys() - {"auto"})


def test_it_takes_whatever_proof_any_format_has() -> None:
    others = [one for one in PROVIDERS.values() if one is not AUTO]
    assert set(AUTO.signatures) == {way for one in others for way in one.signatures}
    assert set(AUTO.token_headers) == {name for one in others for name in one.token_headers}


def test_a_form_is_never_read_beyond_what_its_signature_covers() -> None:
    """One signed form, seen by somebody, must not vouch for JSON that is written around it."""
    payload = '{"action":"created","package":null}'
    signature = hmac.digest(KEY.encode(), payload.encode(), hashlib.sha256).hex()
    body = '{"image":"reg.example.test/evil:1","x=":"&payload=' + quote(payload) + '&z="}'
    assert json.loads(body)["image"] == "reg.example.test/evil:1"
    hook = Hook(provider="auto", hmac_secrets=[KEY])
    form = {
        "content-type": "application/x-www-form-urlencoded",
        "x-gitea-signature": signature,
    }
    # The proof alone is good: it is of the form's field.
    authenticate(AUTO, hook, Request(form, body.encode()), None)
    tricks = ("x-amz-sns-message-type", "x-nexus-webhook-id", "x-gitlab-event", "ce-specversion")
    for more in ({}, *({name: "1.0"} for name in tricks), {"x-gitea-event": "package"}):
        with pytest.raises(NotUnderstood):
            AUTO.parse(Request({**form, **more}, body.encode()), Sender())
    with pytest.raises(Refused):
        authenticate(AUTO, hook, Request({**form, **JSON}, body.encode()), None)
