"""Each file under tests/samples is one request as its registry sends it, with what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from listener.config import Hook
from listener.model.reference import parse_reference
from listener.providers import PROVIDERS, Event, NotUnderstood, Request, Sender
from listener.providers.verify import UNAUTHORIZED, Refused, authenticate

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = sorted(file for name in PROVIDERS for file in (SAMPLES / name).glob("*.json"))


def told(event: Event) -> dict[str, str | None]:
    return {
        "image": event.image.name,
        "tag": event.image.tag,
        "digest": event.image.digest,
        "actor": event.actor,
        "occurred_at": event.occurred_at.isoformat() if event.occurred_at else None,
        "delivery": event.delivery,
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_sample_means_what_it_says(file: Path) -> None:
    sample: dict[str, Any] = json.loads(file.read_text())
    body = sample["raw"] if "raw" in sample else json.dumps(sample["body"])
    request = Request(sample["headers"], body.encode())
    sender = Sender(sample.get("registry"), sample.get("places", {}))
    provider = PROVIDERS[file.parent.name]

    if "hook" in sample:
        hook = Hook(provider=file.parent.name, **sample["hook"])
        if sample.get("refused"):
            with pytest.raises(Refused) as refused:
                authenticate(provider, hook, request, None)
            assert (refused.value.status, str(refused.value)) == (401, UNAUTHORIZED)
            return
        authenticate(provider, hook, request, None)
    provider = provider.concrete(request)

    if "expected" in sample:
        with pytest.raises(NotUnderstood) as caught:
            provider.parse(request, sender)
        assert str(caught.value) == sample["expected"]
        return
    parsed = provider.parse(request, sender)

    assert [told(event) for event in parsed.events] == sample["pushes"]
    assert list(parsed.ignored) == sample["ignored"]
    assert parsed.reply == sample.get("reply", {})


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_has_a_sample_of_each_kind(name: str) -> None:
    samples = {
        file.stem: json.loads(file.read_text()) for file in FILES if file.parent.name == name
    }
    assert any(sample.get("pushes") for sample in samples.values())
    assert any(sample.get("ignored") for sample in samples.values())
    assert any("expected" in sample for sample in samples.values())
    assert samples["proved"]["pushes"]
    assert samples["wrong_signature"]["refused"]
    assert samples["missing_secret"]["refused"]


IMAGES = {
    "acr": "acmereg.azurecr.io/team/web:v1",
    "aliyun": "registry.cn-hangzhou.aliyuncs.com/team/web:v1",
    "dockerhub": "docker.io/team/web:v1",
    "ecr": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/web:v1",
    "gar": "europe-west4-docker.pkg.dev/acme-prod/apps/web:v1",
    "github": "ghcr.io/team/web:v1",
    "quay": "quay.io/team/web:v1",
}


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_what_a_provider_makes_up_is_the_push_that_it_reads(name: str) -> None:
    image = parse_reference(IMAGES.get(name, "registry.example.com/team/web:v1"))
    provider = PROVIDERS[name]
    request = provider.sample(image)
    parsed = provider.concrete(request).parse(request, Sender(image.registry))
    assert [(event.image.name, event.image.tag) for event in parsed.events] == [
        (image.name, image.tag)
    ]
    assert parsed.ignored == ()


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("acr", False),
        ("aliyun", False),
        ("distribution", False),
        ("gitea", False),
        ("github", True),
        ("gitlab", False),
        ("harbor", True),
        ("quay", False),
    ],
)
def test_who_may_name_only_one_of_many_tags(name: str, one: bool) -> None:
    image = parse_reference(IMAGES.get(name, "registry.example.com/team/web:v1"))
    (event,) = PROVIDERS[name].parse(PROVIDERS[name].sample(image), Sender(image.registry)).events
    assert event.one_of_many is one


@pytest.mark.parametrize(
    ("name", "host", "may"),
    [
        ("acr", "acmereg.azurecr.io", True),
        ("acr", "acmereg.azurecr.cn", True),
        ("acr", "acmereg.azurecr.io.example.test", False),
        ("acr", "azurecr.io", False),
        ("aliyun", "registry.cn-hangzhou.aliyuncs.com", True),
        ("aliyun", "acme-registry.cn-hangzhou.cr.aliyuncs.com", True),
        ("aliyun", "registry.aliyuncs.com.example.test", False),
        ("gitea", "git.example.test:3000", True),
        ("gitea", "docker.io", False),
        ("gitlab", "registry.gitlab.example.test", True),
        ("gitlab", "ghcr.io", False),
        ("harbor", "harbor.example.test", True),
        ("harbor", "quay.io", False),
    ],
)
def test_the_registries_that_a_provider_speaks_for_by_itself(
    name: str, host: str, may: bool
) -> None:
    hosts = PROVIDERS[name].hosts
    assert hosts is not None
    assert bool(hosts.fullmatch(host)) is may
