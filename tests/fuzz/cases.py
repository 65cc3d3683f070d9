"""A request and what its hook knows, from a sample or from a fuzzer's bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from listener.providers import Request, Sender

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass(frozen=True)
class Case:
    """As bytes: one line of JSON with the headers and the hook's settings, then the body."""

    headers: dict[str, str]
    body: bytes
    registry: str | None = None
    places: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        """A new one, of which nothing is read yet."""
        return Request(self.headers, self.body)

    @property
    def sender(self) -> Sender:
        """What the hook says of its sender."""
        return Sender(self.registry, self.places)

    def __bytes__(self) -> bytes:
        known = {"headers": self.headers, "registry": self.registry, "places": self.places}
        return json.dumps(known).encode() + b"\n" + self.body


def case_of(data: bytes) -> Case:
    """The case in a fuzzer's bytes; where they have no first line of their own, all is body."""
    line, _, body = data.partition(b"\n")
    try:
        known = json.loads(line)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or "headers" not in known:
        return Case({}, data, "reg.example.test")
    registry = known.get("registry")
    return Case(
        headers=_texts(known["headers"]),
        body=body,
        registry=registry if isinstance(registry, str) else None,
        places=_texts(known.get("places")),
    )


def case_of_sample(file: Path) -> Case:
    """The case of a file under tests/samples."""
    sample = json.loads(file.read_text())
    body = sample["raw"] if "raw" in sample else json.dumps(sample["body"])
    return Case(sample["headers"], body.encode(), sample.get("registry"), sample.get("places", {}))


def sample_files() -> list[Path]:
    """Every sample there is, in order."""
    return sorted(SAMPLES.glob("*/*.json"))


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key.lower(): text for key, text in value.items() if isinstance(text, str)}
