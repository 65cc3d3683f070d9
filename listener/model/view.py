"""What is shown of targets and hosts: what workers publish and the API answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from listener.model.base import Noun
from listener.model.deployment import State
from listener.model.tag_policy import TagPolicy
from listener.model.target import ComposeService


class LastDeployment(Noun):
    """The newest deployment as a target's view shows it."""

    id: str
    state: State
    reason: str | None = None
    finished_at: datetime | None = None


class TargetView(Noun):
    """A target as workers publish it and the API shows it; `rollout` is its `rollout_id`.

    `since` is when the running digest was committed as good; None where this program did not.
    `compose` is the service that it is, where it is one.
    """

    name: str
    host: str
    driver: str
    image: str
    tag: str | None = None
    policy: TagPolicy | None = None
    digest: str | None = None
    last_good_digest: str | None = None
    since: datetime | None = None
    health: str = "absent"
    state: Literal["idle", "deploying", "waiting", "paused", "invalid"] = "idle"
    reason: str | None = None
    rollout: str | None = None
    compose: Annotated[ComposeService | None, Field(exclude_if=lambda of: of is None)] = None
    last_deployment: LastDeployment | None = None


class HostView(Noun):
    """A worker as it publishes itself; `engine_id` is the engine whose lease it holds."""

    name: str
    engine_id: str | None = None
    engine_version: str | None = None
    last_seen: datetime
    running: tuple[str, ...] = ()
