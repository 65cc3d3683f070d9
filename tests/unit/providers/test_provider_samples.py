"""Each file under tests/samples is one request as its registry sends it, with what it means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from listener.providers import PROVIDERS, Event, Request

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
    request = Request(sample["headers"], json.dumps(sample["body"]).encode(), {})

    parsed = PROVIDERS[file.parent.name].parse(request, sample["registry"])

    assert [told(event) for event in parsed.events] == sample["pushes"]
    assert list(parsed.ignored) == sample["ignored"]


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_has_samples_with_and_without_a_push(name: str) -> None:
    samples = [json.loads(file.read_text()) for file in FILES if file.parent.name == name]
    assert any(sample["pushes"] for sample in samples)
    assert any(sample["ignored"] for sample in samples)
