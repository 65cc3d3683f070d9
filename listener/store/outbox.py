"""The outbox of a host: notices that were recorded and not yet sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from listener.model.base import Noun
from listener.model.notice import Notice
from listener.store import keys
from listener.store.client import Store

log = structlog.get_logger(__name__)


class OutboxEntry(Noun):
    """A notice for one notifier, which is named by its key."""

    notifier: str
    notice: Notice

    @property
    def field(self) -> str:
        """Its field in the hash: written twice it is still one."""
        return f"{self.notifier}:{self.notice.id}"


async def read_outbox(store: Store, host: str) -> list[OutboxEntry]:
    """All that has to be sent, oldest first."""
    texts = await store.call("HVALS", keys.outbox(host))
    entries = [OutboxEntry.model_validate_json(text) for text in texts]
    return sorted(entries, key=lambda entry: (entry.notice.at, entry.notice.id))


async def surplus(store: Store, host: str, new: Sequence[OutboxEntry]) -> list[str]:
    """The fields that have to go so that new entries fit: the oldest, where nobody took them."""
    have: Iterable[str] = await store.call("HKEYS", keys.outbox(host))
    fields = {*have} - {entry.field for entry in new}
    excess = len(fields) + len(new) - keys.OUTBOX_CAP
    if excess <= 0:
        return []
    log.warning("notices dropped: too many wait to be sent", host=host, count=excess)
    return sorted(fields, key=lambda field: field.partition(":")[2])[:excess]
