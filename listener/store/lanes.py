"""The lanes of a host as they are stored: what runs and what waits for each target."""

from __future__ import annotations

from listener.model.base import Noun
from listener.store import keys
from listener.store.client import Store


class Lane(Noun):
    """The deployments of one target: one runs, one waits. Ids; None for none."""

    running: str | None = None
    waiting: str | None = None


async def read_lanes(store: Store, host: str) -> dict[str, Lane]:
    """The lanes of a host that hold something, by target."""
    fields = await store.call("HGETALL", keys.lanes(host))
    return {
        target: Lane.model_validate_json(text)
        for target, text in zip(fields[::2], fields[1::2], strict=True)
    }
