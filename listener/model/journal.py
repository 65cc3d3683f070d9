"""The journal of a swap: what the worker must know to go on after it was killed.

It holds the environment of containers and so secrets: it stays between a worker and its Redis
and is never shown by the API.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from listener.model.base import Noun
from listener.model.deployment import Deployment
from listener.model.target import Target


class Phase(StrEnum):
    """The act that is announced: it may have happened, in part or not at all."""

    RESOLVE = "resolve"
    PLAN = "plan"
    PULL = "pull"
    TAG = "tag"
    CREATE = "create"
    CUTOVER = "cutover"
    DISARM = "disarm"
    WATCH = "watch"
    COMMIT = "commit"
    DISCARD = "discard"
    REVERT = "revert"
    REVERT_WATCH = "revert_watch"
    CLEAN = "clean"


class OldContainer(Noun):
    """The container that ran before, as it was before anything changed.

    `image_config` is the image's own Config (its defaults); `inspect` the engine's whole answer;
    `local_tag` the name that the engine had for the tag it runs (None where it is run by digest)
    and `local_tag_id` the image that this name meant then.
    """

    id: str
    name: str
    image_id: str
    digest: str | None
    image_config: dict[str, Any]
    inspect: dict[str, Any]
    restart_policy: dict[str, Any]
    was_running: bool
    local_tag: str | None
    local_tag_id: str | None


class NewContainer(Noun):
    """The container that shall run: `parked_name` until it takes the target's own name.

    `body` is what is posted to create it, `reference` the image's name in that body.
    """

    parked_name: str
    id: str | None = None
    digest: str
    image_id: str = ""
    reference: str
    body: dict[str, Any] = {}
    networks: dict[str, Any] = {}


class Baseline(Noun):
    """What health is judged against: the state right after the start."""

    container_id: str
    started_at: str
    restart_count: int
    watch_began: datetime


class Journal(Noun):
    """Everything that one deployment knows, saved before each act."""

    deployment: Deployment
    target: Target
    phase: Phase
    old: OldContainer | None = None
    new: NewContainer | None = None
    baseline: Baseline | None = None
    stopped_at: datetime | None = None
    verdict: str | None = None
    evidence: dict[str, Any] = {}
