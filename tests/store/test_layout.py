"""What an earlier release has stored is read; what a newer one has is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from listener.model.base import Noun
from listener.model.delivery import Delivery
from listener.model.deployment import Deployment
from listener.model.journal import Journal
from listener.model.push import Match, Push
from listener.model.target import Memory, Pause
from listener.model.view import HostView, TargetView
from listener.store import Command, Lane, NewerSchema, OutboxEntry, Unavailable, client, keys
from listener.store import connect as to

from .conftest import Server

NOUNS: tuple[type[Noun], ...] = (
    *(Command, Delivery, Deployment, HostView, Journal, Lane, Match),
    *(Memory, OutboxEntry, Pause, Push, TargetView),
)
# Each with all that a record of the first release can hold. They are never edited: a release that
# writes records otherwise raises `SCHEMA` and adds a file.
LAYOUTS = sorted(Path(__file__).parent.glob("layout-*.json"))


def _kept(before: Any, now: Any) -> bool:
    """Whether all that stood there still stands there; moments may be spelled otherwise."""
    if isinstance(before, dict):
        return all(_kept(value, now.get(name)) for name, value in before.items())
    if isinstance(before, list):
        return len(before) == len(now) and all(map(_kept, before, now))
    return bool(before == now)


@pytest.mark.parametrize("file", LAYOUTS, ids=lambda file: file.stem)
@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_record_of_an_earlier_layout_is_read(file: Path, noun: type[Noun]) -> None:
    stored = json.loads(file.read_text())[noun.__name__]
    read = noun.model_validate_json(json.dumps(stored))
    assert _kept(stored, json.loads(read.model_dump_json()))


def test_there_is_a_file_for_each_layout() -> None:
    assert len(LAYOUTS) == client.SCHEMA


async def test_data_of_an_earlier_layout_are_taken_over_for_good(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = await to(server.url)
    with monkeypatch.context() as release:
        release.setattr(client, "SCHEMA", client.SCHEMA + 1)
        # Who tries a newer release with `listener check` has not taken it yet.
        looks = await to(server.url, only_looks=True)
        assert await looks.call("GET", keys.SCHEMA) == str(client.SCHEMA - 1)
        await looks.close()
        later = await to(server.url)
        assert await later.call("GET", keys.SCHEMA) == str(client.SCHEMA)
        await later.close()
    # Who is still there of the earlier release is told at its next connection, and so is a new one.
    server.kill()
    with pytest.raises(Unavailable):
        await earlier.call("GET", keys.SCHEMA)
    server.start()
    with pytest.raises(NewerSchema, match="start a newer release, or use another database"):
        await earlier.call("GET", keys.SCHEMA)
    with pytest.raises(NewerSchema):
        await to(server.url)
    await earlier.close()
