"""A notice: what people are told of one deployment at the moment in which its state changed."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from listener.model.base import Noun
from listener.model.deployment import Deployment, Source, State, Trigger


class Notice(Noun):
    """A snapshot that tells enough by itself; `id` is the same however often it is sent."""

    id: str
    at: datetime
    deployment: str
    target: str
    host: str
    trigger: Trigger
    image: str
    tag: str | None = None
    from_digest: str | None = None
    to_digest: str | None = None
    state: State
    reason: str | None = None
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    source: Source | None = Field(default=None, exclude_if=lambda source: source is None)


def notice_of(deployment: Deployment, at: datetime) -> Notice:
    """What is told of a deployment as it is now."""
    return Notice(
        id=f"{deployment.id}.{deployment.state.value}",
        at=at,
        deployment=deployment.id,
        target=deployment.target,
        host=deployment.host,
        trigger=deployment.trigger,
        image=deployment.image,
        tag=deployment.tag,
        from_digest=deployment.from_digest,
        to_digest=deployment.to_digest or deployment.hint,
        state=deployment.state,
        reason=deployment.reason,
        queued_at=deployment.queued_at,
        started_at=deployment.started_at,
        finished_at=deployment.finished_at,
        source=deployment.source,
    )
