"""From looks at a service and its tasks to a verdict on its update, without I/O.

Swarm's own word is believed where it is bad. Where it is good it is checked: with the failure
action `continue` an update is completed though no task lives, and Swarm watches a task for five
seconds unless told otherwise, which is less than a health check needs to fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from listener.drivers.service import Service, Task

_BACK = "rollback_"
_NOT_YET = ("new", "allocated", "pending", "assigned", "accepted", "ready")


@dataclass(frozen=True, slots=True)
class Look:
    """A service and its tasks at one moment, seen with an eye on one image.

    `stage` is Swarm's word on the update that brings it: none where there was nothing to do, or
    not yet. `wanted` tasks shall run and `running` of them run that image; `settled` says that all
    do and no other image runs. `pulling` says that a node gets the image, `begun` that a task is
    past that, `runners` are the ids of the tasks that run it and `ended` those that it ran and
    that ended by themselves since the update began, newest first.
    """

    image: str
    stage: Literal["none", "updating", "paused", "completed"]
    message: str
    wanted: int
    running: int
    settled: bool
    pulling: bool
    begun: bool
    runners: frozenset[str]
    ended: tuple[Task, ...]
    waiting: Task | None

    def sentence(self) -> str:
        """How far it is, for people."""
        return f"{self.running} of {self.wanted} tasks run the new image"


def look(service: Service, tasks: Sequence[Task], image: str) -> Look:
    """What the managers say now of the tasks with `image`."""
    current = [task for task in tasks if task.desired in ("running", "ready")]
    due = [task for task in current if task.desired == "running"]
    ours = [task for task in current if task.image == image]
    runners = frozenset(task.id for task in ours if task.runs)
    # One that a restart delays shall run as well: a global service wants one on each of its nodes.
    nodes = {task.node or task.id for task in current}
    wanted = len(nodes) if service.replicas is None else service.replicas
    # An earlier try of the same image may have left ended tasks behind.
    since = service.update_began or "unknown"
    ended = [task for task in tasks if task.image == image and task.ended and task.created >= since]
    return Look(
        image=service.image,
        stage=_stage(service),
        message=service.message,
        wanted=wanted,
        running=len(runners),
        settled=len(runners) == wanted and all(task.image == image for task in due),
        pulling=any(task.state == "preparing" for task in ours),
        begun=any(task.state in ("starting", "running") for task in ours),
        runners=runners,
        ended=tuple(sorted(ended, key=lambda task: task.created, reverse=True)),
        waiting=next((task for task in ours if not task.runs), None),
    )


def _stage(service: Service) -> Literal["none", "updating", "paused", "completed"]:
    match service.status.removeprefix(_BACK):
        case "updating" | "started":
            return "updating"
        case "paused":
            return "paused"
        case "completed":
            return "completed"
        case _:
            return "none"


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds nothing has to get better: while nodes pull, and at other times."""

    pulling: float
    running: float


@dataclass(frozen=True, slots=True)
class Advance:
    """How far an update got, and when: seconds since it began."""

    running: int = 0
    begun: bool = False
    at: float = 0.0

    def seen(self, now: Look, since: float) -> Advance:
        """With one more look: each task that runs gives the next one its own time."""
        if now.running > self.running:
            return Advance(now.running, True, since)
        if now.begun and not self.begun:
            return replace(self, begun=True, at=since)
        return self


def hangs(now: Look, advance: Advance, since: float, patience: Patience) -> float | None:
    """After how many seconds without any task more it is given up; None: not yet."""
    allowed = max(patience.pulling, patience.running) if now.pulling else patience.running
    return allowed if since - advance.at >= allowed else None


SickKind = Literal["unhealthy", "exited", "start_error"]


def explain_task(task: Task, named: str) -> tuple[SickKind, str]:
    """Why a task that ended did so; `named` is how people call it."""
    error = task.error
    if "unhealthy container" in error:
        return "unhealthy", f"unhealthy: {named}"
    if task.state == "complete":
        # An app that ends well when it is told to hides that its health check failed.
        return "unhealthy", f"unhealthy: {named} did not stay up"
    if task.state == "rejected" or not error.startswith("task: non-zero exit"):
        return "start_error", f"did not start: {named}: {error or 'no reason given'}"
    return "exited", f"exited with code {task.exit_code}: {named}"


def explain_wait(task: Task | None, named: str, seconds: float) -> tuple[SickKind, str]:
    """What a task does that is still not running after so many seconds."""
    within = f"within {seconds:g} s"
    if task is None:
        return "start_error", f"did not start {within}: Swarm made no task of it"
    because = f": {task.error}" if task.error else ""
    match task.state:
        case "starting":
            return "unhealthy", f"not healthy {within}: {named} is still starting{because}"
        case "preparing":
            return "start_error", f"did not start {within}: {named} still pulls the image{because}"
        case state if state in _NOT_YET:
            return "start_error", f"did not start {within}: {named} is {state}{because}"
        case state:
            return "unhealthy", f"does not stay up {within}: {named} is {state}{because}"
