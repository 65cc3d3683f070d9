"""A deployment: one attempt to bring one target to one digest."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from listener.model.base import Noun

_ANNOTATION = "org.opencontainers.image."
_LONGEST_LABEL = 500
_LOGIN = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#]*@")


class State(StrEnum):
    """Where a deployment stands; the last six are final."""

    QUEUED = "queued"
    WAITING = "waiting"
    PULLING = "pulling"
    CHECKING = "checking"
    SWAPPING = "swapping"
    WATCHING = "watching"
    REVERTING = "reverting"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    ROLLBACK_FAILED = "rollback_failed"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in _FINAL


_FINAL = {
    State.SUCCEEDED,
    State.ROLLED_BACK,
    State.FAILED,
    State.SUPERSEDED,
    State.SKIPPED,
    State.ROLLBACK_FAILED,
}


class Trigger(StrEnum):
    """Why a deployment began."""

    PUSH = "push"
    RECONCILE = "reconcile"
    MANUAL = "manual"
    ROLLBACK = "rollback"


class Layer(Noun):
    """How far one layer of a pull is; `current` and `total` are bytes, where the engine says."""

    id: str
    status: str
    current: int | None = None
    total: int | None = None


class Proof(Noun):
    """How a watched container stands: good by `deadline`, and then until `settles_at`.

    `said` is what its last probe said, while it is not good.
    """

    deadline: datetime
    good_since: datetime | None = None
    settles_at: datetime | None = None
    said: str | None = None


class Step(Noun):
    """One step of a deployment as the timeline shows it.

    `layers` and `proof` are there only while it is under way.
    """

    name: str
    started_at: datetime
    finished_at: datetime | None = None
    detail: str | None = None
    layers: tuple[Layer, ...] = ()
    proof: Proof | None = None


class Source(Noun):
    """Which commit an image says that it was made of: its labels ``org.opencontainers.image.*``.

    Whoever can push an image chooses them, so they are looked at, never trusted.
    """

    url: str
    revision: str


def source_of(labels: Mapping[str, str]) -> Source | None:
    """What the labels of an image name; None where one is missing, or longer than any address."""
    url, revision = (labels.get(f"{_ANNOTATION}{name}", "") for name in ("source", "revision"))
    # What `git remote get-url` says in a pipeline has the pipeline's own token in it.
    url = _LOGIN.sub(r"\1", url)
    return Source(url=url, revision=revision) if _fits(url) and _fits(revision) else None


def _fits(label: str) -> bool:
    return 0 < len(label) <= _LONGEST_LABEL


class Deployment(Noun):
    """One attempt to bring one target to one digest; ends in exactly one final state.

    `tag` is the tag asked for; `to_digest` is known once the registry was asked, or from the
    start where a person named it; `hint` is the digest that the push named. `force` deploys a
    digest that would otherwise be skipped. A `dry_run` changes nothing: it ends as skipped, and
    `plan` says in a few sentences what the deployment would do, without any secret.
    `cause` says why a host goes back by itself: another host of its rollout failed.
    `pushes` are the ids that led here, `received_at` the arrival of the first of them.
    `gap_seconds` is the time between the end of the old container and the start of the new one,
    by the engine's clock; the way back of a rollback is not in it.
    `approved_at` is when a person let it begin, where the target asks for that.
    `logs` are the last lines of a container that failed. `source` is known once the image is here.
    """

    id: str
    target: str
    host: str
    trigger: Trigger
    image: str
    tag: str | None = None
    from_digest: str | None = None
    to_digest: str | None = None
    hint: str | None = None
    state: State = State.QUEUED
    reason: str | None = None
    force: bool = False
    dry_run: bool = False
    plan: tuple[str, ...] = ()
    cause: str | None = None
    pushes: tuple[str, ...] = ()
    received_at: datetime | None = None
    queued_at: datetime
    approved_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    gap_seconds: float | None = None
    steps: tuple[Step, ...] = ()
    logs: tuple[str, ...] = ()
    source: Source | None = Field(default=None, exclude_if=lambda source: source is None)


def new_deployment_id(moment: datetime) -> str:
    """An id that sorts by time and whose last eight characters name the swap's containers."""
    return f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}-{secrets.token_hex(4)}"


def short_id(deployment_id: str) -> str:
    """The eight characters that container names carry."""
    return deployment_id[-8:]
