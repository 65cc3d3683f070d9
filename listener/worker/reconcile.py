"""Pushes that nobody told of: whether a target's tag means something else than what it runs.

Every target is asked for soon after the start and then about every `reconcile`; out of turn where a
push names one tag of its repository and the sender is known to leave out the others, or where the
registry did not say yet what a push had told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from listener.deploy.outcomes import Resolved
from listener.deploy.wanted import Wanted
from listener.drivers.errors import EngineAway, EngineError
from listener.model.auth import CredentialsFault
from listener.model.deployment import Deployment, Trigger
from listener.model.push import Push
from listener.model.target import Memory, Target
from listener.registry import LeftAlone, RegistryAway, RegistryFault
from listener.store import Unavailable
from listener.worker.admission import Admission, Told, reconcile_deployment
from listener.worker.lanes import Lanes
from listener.worker.overview import Overview
from listener.worker.targets import Targets
from listener.worker.waiting import until

log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0
_AFTER_A_FAULT = 10.0
# A credential helper that fails once may have been busy; one that is missing is not asked all day.
_LOG_IN_EVERY = 60.0
# A push that was made this moment has its own notification on the way.
_NOTIFIED_WITHIN = 3.0
# GitHub's registry has been seen to answer with the previous digest for a while.
_LOOKS = (0.0, 10.0, 45.0)
# So have replicas and caches of others; it was asked a moment ago.
_LOOKS_AGAIN = (3.0, 10.0, 45.0)

# Many hosts that begin in the same moment do not ask in the same second.
_FIRST_WITHIN = 10.0

_Question = tuple[str, str, float]
"""What is asked: the image as it is spelled and the tags that are followed; and how often."""


@dataclass
class _Suspicion:
    told: Told
    looks: list[float]


class Reconcile:
    """Looks for missed pushes of one host; `wake` is called when it queued a deployment."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at and what it queues with
        self,
        host: str,
        discovery: Targets,
        wanted: Wanted,
        overview: Overview,
        lanes: Lanes,
        admission: Admission,
        wake: Callable[[], None],
    ) -> None:
        self._host = host
        self._discovery = discovery
        self._wanted = wanted
        self._overview = overview
        self._lanes = lanes
        self._admission = admission
        self._wake = wake
        self._next: dict[_Question, float] = {}
        self._suspicions: dict[str, _Suspicion] = {}
        self._suspected = asyncio.Event()

    def suspect(self, target: str, push: Push) -> None:
        """Lets a target be asked for soon: a tag of its own may have moved with the pushed one."""
        self._suspect(target, Told((push.id,), push.received_at), _LOOKS)

    def doubt(self, deployment: Deployment) -> None:
        """Lets the registry be asked again soon: what a push told of was not what it said."""
        told = Told(deployment.pushes, deployment.received_at)
        self._suspect(deployment.target, told, _LOOKS_AGAIN)

    def _suspect(self, target: str, told: Told, looks: Sequence[float]) -> None:
        now = asyncio.get_running_loop().time()
        self._suspicions[target] = _Suspicion(told, [now + look for look in looks])
        self._suspected.set()

    async def look(self) -> None:
        """One round; returns when it is time for the next. Raises EngineAway, Unavailable."""
        self._suspected.clear()
        # What was seen last tells whether it is time to ask: not every look needs a new list.
        due = self._due(self._overview.seen or await self._discovery.targets())
        if not due and not self._suspicions:
            await until(self._suspected, _LOOK_EVERY)
            return
        try:
            missed = await self._ask(due)
            if missed:
                await asyncio.sleep(_NOTIFIED_WITHIN)
                await self._take(missed)
                return
        except (EngineAway, EngineError, Unavailable):
            # It was not answered: it stays due, and no registry is asked all the time meanwhile.
            soon = asyncio.get_running_loop().time() + _AFTER_A_FAULT
            self._next.update(dict.fromkeys(due, soon))
            raise
        await until(self._suspected, _LOOK_EVERY)

    async def _ask(self, due: frozenset[_Question]) -> dict[str, tuple[Deployment, str]]:
        """By target, what would be deployed and the digest that is not deployed."""
        missed = {}
        for target in await self._discovery.targets():
            if target.problem is not None:
                continue
            if self._busy(target.name):
                if _question_of(target) in due and self._lanes.running(target.name):
                    self._ask_in(target, _LOOK_EVERY)
                continue
            deployment = await self._question(target, due)
            if deployment is None:
                continue
            memory = await self._overview.memory(target.name)
            try:
                found = await self._wanted.glance(deployment, target, memory)
            except LeftAlone as fault:
                # Not its target's fault, and no answer that would be good for another half hour.
                self._ask_in(target, fault.seconds)
                continue
            except (RegistryFault, CredentialsFault) as fault:
                log.info("registry has no answer", target=target.name, reason=str(fault))
                if isinstance(fault, RegistryAway | CredentialsFault):
                    away = isinstance(fault, RegistryAway)
                    self._ask_in(target, _LOOK_EVERY if away else _LOG_IN_EVERY)
                continue
            if isinstance(found, Resolved) and not await self._chosen(target, found, memory):
                missed[target.name] = (deployment, found.digest)
        return missed

    async def _chosen(self, target: Target, found: Resolved, memory: Memory) -> bool:
        """Whether a person has deployed what runs, over what the tag meant already."""
        last = await self._overview.last(target.name)
        by_hand = last is not None and last.trigger is Trigger.MANUAL
        runs = last is not None and last.to_digest in target.digests
        return by_hand and runs and any(good.digest == found.digest for good in memory.good)

    async def _question(self, target: Target, due: frozenset[_Question]) -> Deployment | None:
        """What to ask the registry for this target, if it is time to ask at all."""
        told = self._suspected_now(target.name, asyncio.get_running_loop().time())
        if told is None and _question_of(target) not in due:
            return None
        memory = await self._overview.memory(target.name)
        return reconcile_deployment(target, self._host, memory, told)

    def _suspected_now(self, target: str, now: float) -> Told | None:
        suspicion = self._suspicions.get(target)
        if suspicion is None or now < suspicion.looks[0]:
            return None
        del suspicion.looks[0]
        if not suspicion.looks:
            del self._suspicions[target]
        return suspicion.told

    def _due(self, targets: Sequence[Target]) -> frozenset[_Question]:
        """The questions whose time has come; targets that ask the same ask together."""
        now = asyncio.get_running_loop().time()
        due = set()
        asked = {_question_of(target) for target in targets}
        self._next = {question: at for question, at in self._next.items() if question in asked}
        for target in targets:
            every, question = target.settings.reconcile, _question_of(target)
            if not every:
                continue
            first = now + random.uniform(0, min(_FIRST_WITHIN, every / 2))  # noqa: S311
            if self._next.setdefault(question, first) <= now:
                due.add(question)
                # Hosts that began together do not go on together.
                self._next[question] = now + every * random.uniform(0.9, 1.1)  # noqa: S311
        return frozenset(due)

    def _ask_in(self, target: Target, seconds: float) -> None:
        """Lets a question be asked again sooner than its time; never later."""
        question, now = _question_of(target), asyncio.get_running_loop().time()
        planned = self._next.get(question)
        if planned is not None:
            self._next[question] = min(planned, now + seconds)

    async def _take(self, missed: dict[str, tuple[Deployment, str]]) -> None:
        for target in await self._discovery.targets():
            deployment, digest = missed.get(target.name, (None, ""))
            if deployment is None or digest in target.digests:
                continue
            if self._busy(target.name):
                if self._lanes.running(target.name):
                    self._ask_in(target, _LOOK_EVERY)
                continue
            log.info("missed push found", target=target.name, digest=digest)
            self._suspicions.pop(target.name, None)
            await self._admission.missed(deployment)
            self._wake()

    def _busy(self, target: str) -> bool:
        return bool(self._lanes.running(target) or self._lanes.waiting(target))


def _question_of(target: Target) -> _Question:
    image = target.spelling.partition("@")[0]
    return (image, str(target.policy), target.settings.reconcile)
