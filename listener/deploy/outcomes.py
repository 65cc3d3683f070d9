"""What an act may come back with: the words between the machine, which decides, and the acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from listener.model.deployment import Source
from listener.model.journal import Baseline, Journal, NewContainer, OldContainer, Swap
from listener.model.target import Good, Strategy

SickKind = Literal["unhealthy", "exited", "start_error", "disturbed", "release"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The registry was asked: this digest shall run, under this tag."""

    digest: str
    tag: str | None


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to do, and why; the digest that was asked about, where it is known."""

    reason: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """The container that runs was read, what replaces it was named, and how: with the reason.

    `fellows` are the swaps of those of the same service that are replaced together with it,
    `pending` the names of those that are to follow. `plan` says for a dry run what the deployment
    would do. `neighbours` are restarted with this service.
    """

    old: OldContainer
    new: NewContainer
    strategy: Strategy = "recreate"
    because: str = ""
    dependents: tuple[OldContainer, ...] = ()
    fellows: tuple[Swap, ...] = ()
    pending: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """The image is on the engine under this id, and what it says that it was made of."""

    image_id: str
    detail: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Overtaken:
    """A newer deployment waits for this target."""

    by: str


@dataclass(frozen=True, slots=True)
class Created:
    """The new container stands beside the old one; the engine's warnings."""

    id: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """The new container runs: beside the old one, or under the target's name after a gap."""

    baseline: Baseline
    gap_seconds: float | None


@dataclass(frozen=True, slots=True)
class Done:
    """The act is complete; nothing more is known."""

    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The new image is one to go back to; what did not go well beside that.

    `advice` is what a person should change now, or what was changed for them.
    """

    good: Good | None
    detail: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Healthy:
    """The container proved itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sick:
    """The container did not prove itself; its last lines. `remedy` as in Faulted.

    `returning` says that something else, Swarm, is taking it back already. `container` is the name
    of the one that it is about, where several were watched.
    """

    kind: SickKind
    reason: str
    logs: tuple[str, ...] = ()
    remedy: str | None = None
    returning: bool = False
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The container that ran before is not there to be brought back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Revived:
    """It was created again, under this id and from this image; what was not as before."""

    id: str
    image_id: str
    digest: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Helped:
    """A helper did the swap, or is lost: its journal as far as it got, to go on with."""

    told: Journal


@dataclass(frozen=True, slots=True)
class Replaced:
    """Someone else put another container in the target's place: hands off.

    `container` as in Sick.
    """

    reason: str
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Faulted:
    """The act failed for good. `remedy` names the commands that help after a failed rollback;
    `blameless` says that the engine is to blame, not the new image.
    """

    reason: str
    remedy: str | None = None
    blameless: bool = False


Outcome = (
    Resolved
    | Nothing
    | Planned
    | Pulled
    | Overtaken
    | Created
    | Started
    | Done
    | Committed
    | Healthy
    | Sick
    | Gone
    | Revived
    | Helped
    | Replaced
    | Faulted
)
