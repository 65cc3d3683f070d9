"""The journal of a swap: what the worker must know to go on after it was killed.

It holds the environment of containers and so secrets: it stays between a worker and its Redis
and is never shown by the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from listener.model.base import Noun
from listener.model.deployment import Deployment, State
from listener.model.target import Strategy, Target


class Phase(StrEnum):
    """The act that is announced: it may have happened, in part or not at all."""

    RESOLVE = "resolve"
    PLAN = "plan"
    PULL = "pull"
    PREFLIGHT = "preflight"
    RELEASE = "release"
    TAG = "tag"
    NEXT = "next"
    REPLACE = "replace"
    UPDATE = "update"
    FOLLOW = "follow"
    RESTART = "restart"
    CREATE = "create"
    BOOT = "boot"
    PROVE = "prove"
    AFTER_START = "after_start"
    HANDOVER = "handover"
    BEFORE_STOP = "before_stop"
    ADOPT = "adopt"
    RETIRE = "retire"
    CUTOVER = "cutover"
    DISARM = "disarm"
    WATCH = "watch"
    COMMIT = "commit"
    DISCARD = "discard"
    REVERT = "revert"
    REVIVE = "revive"
    REVERT_WATCH = "revert_watch"
    CLEAN = "clean"
    STEP_ASIDE = "step_aside"


class OldContainer(Noun):
    """The container that ran before, as it was before anything changed.

    `image_config` is the image's own Config (its defaults); `inspect` the engine's whole answer.
    `digest` is the one that users know its image by; None for an image that was built here.
    A service of a swarm is kept the same way: its id and name, `inspect` with its spec, the digest
    as `image_id`, since its nodes have their own; it `was_running` unless it is scaled to nothing.
    """

    id: str
    name: str
    image_id: str
    digest: str | None
    image_config: dict[str, Any]
    inspect: dict[str, Any]
    was_running: bool
    was_healthy: bool


class NewContainer(Noun):
    """The container that shall run, parked under a name of its own until the cut-over.

    `reference` is the image's name in its definition. Where that name has a tag, the tag is moved
    on the engine, and `tag_before` is the image that it meant until then.
    """

    id: str | None = None
    digest: str
    image_id: str = ""
    reference: str
    tag_before: str | None = None


class Baseline(Noun):
    """What health is judged against: the state right after the start."""

    container_id: str
    started_at: str
    restart_count: int
    watch_began: datetime


class Swap(Noun):
    """What one container's swap needs to be committed or taken back; as in `Journal`."""

    old: OldContainer | None = None
    new: NewContainer | None = None
    baseline: Baseline | None = None
    strategy: Strategy = "recreate"
    dependents: tuple[OldContainer, ...] = ()

    @property
    def called(self) -> str | None:
        """The name of its container, once it is known."""
        return self.old.name if self.old else None


# Left out where there is none: so a version that knows nothing of it can read the journal.
_Fellows = Annotated[tuple[Swap, ...], Field(exclude_if=lambda swaps: not swaps)]


class Journal(Noun):
    """Everything that one deployment knows, saved before each act.

    `strategy` is how the new container takes over, `dependents` are the containers that live off
    the old one and must be created again with it. `verdict` is the sentence that decided against
    the new container, once one did; `sick` says that its health did, so that its digest is bad, and
    `sick_kind` what was wrong, as the outcomes name it.
    `untaken` says that the way back ends as failed: nothing was wrong with the new image.
    `stranded` says that one of several could not be taken back: so it ends as rollback_failed.
    Of a service with several containers, `swapped` are those that have proven themselves, oldest
    first, and `pending` the names of those that are still to be replaced. Of those that are
    replaced together with the one under way, the announced act was done for the ones `ahead` of it
    and is still to be done for the ones `behind` it. `neighbours` are the names of the containers
    that Compose restarts with this service.
    """

    deployment: Deployment
    target: Target
    phase: Phase
    strategy: Strategy = "recreate"
    dependents: tuple[OldContainer, ...] = ()
    old: OldContainer | None = None
    new: NewContainer | None = None
    baseline: Baseline | None = None
    verdict: str | None = None
    sick: bool = False
    sick_kind: Annotated[str | None, Field(exclude_if=lambda kind: kind is None)] = None
    untaken: bool = False
    stranded: Annotated[bool, Field(exclude_if=lambda stranded: not stranded)] = False
    neighbours: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    swapped: tuple[Swap, ...] = ()
    ahead: _Fellows = ()
    behind: _Fellows = ()

    @property
    def current(self) -> Swap:
        """The swap that is under way."""
        return Swap(**{name: getattr(self, name) for name in Swap.model_fields})

    def of(self, swap: Swap) -> Journal:
        """The journal with another swap in the place of the one that is under way."""
        return self.model_copy(update={name: getattr(swap, name) for name in Swap.model_fields})

    @property
    def batch(self) -> tuple[Swap, ...]:
        """The swaps that are under way together, in their order."""
        return (*self.ahead, self.current, *self.behind)

    def with_batch(self, batch: Sequence[Swap], *, at: int = 0) -> Journal:
        """The journal with these swaps under way together, the one at this place announced."""
        fellows = {"ahead": tuple(batch[:at]), "behind": tuple(batch[at + 1 :])}
        return self.of(batch[at]).model_copy(update=fellows)

    def led_by(self, container: str | None) -> Journal:
        """The journal with the swap of this container, by its name, before the others of the
        batch; without a name the one that is announced.
        """
        batch, places = self.batch, range(len(self.batch))
        at = next((n for n in places if batch[n].called == container), len(self.ahead))
        return self.with_batch((batch[at], *batch[:at], *batch[at + 1 :]))

    @property
    def swaps(self) -> tuple[Swap, ...]:
        """All swaps that were begun, oldest first."""
        return (*self.swapped, *self.batch)

    @property
    def ran(self) -> bool:
        """Whether any of the containers ran before, so that something was proven."""
        return any(swap.old is None or swap.old.was_running for swap in self.swaps)

    @property
    def condemned(self) -> bool:
        """Whether the new image counts as bad: sick, or taken back for a reason of its own."""
        back = self.deployment.state in (State.ROLLED_BACK, State.ROLLBACK_FAILED)
        return self.sick or (back and not self.untaken)

    @property
    def touched(self) -> frozenset[str]:
        """The names of all containers that are changed until its end, as far as they are known."""
        old = (one for swap in self.swaps for one in (swap.old, *swap.dependents) if one)
        return frozenset((*(one.name for one in old), *self.pending, *self.neighbours))

    @property
    def containers(self) -> frozenset[str]:
        """The names of all containers that this deployment is about."""
        begun = (swap.old.name for swap in self.swaps if swap.old)
        return frozenset((self.target.container, *self.target.replicas, *self.pending, *begun))
