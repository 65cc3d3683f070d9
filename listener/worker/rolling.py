"""A rollout as one host takes part in it: it asks for its turn, and says how that ended.

A digest passes through the hosts of a group one after the other. What a person asks for does not
wait for the others. `docs/hosts.md` has the rules.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from listener.deploy.outcomes import Nothing, Resolved
from listener.deploy.retention import with_bad
from listener.deploy.wanted import Wanted, worth_another
from listener.model.auth import CredentialsFault
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger, new_deployment_id
from listener.model.journal import Journal
from listener.model.target import Bad, Rollout, Target
from listener.registry import RegistryAway, RegistryFault
from listener.store import Command, Part, Rollouts, Stop
from listener.worker.lanes import ended_early
from listener.worker.overview import Overview

log = structlog.get_logger(__name__)

KEEP_EVERY = 20.0
_ASK_EVERY = 1.0
_ANSWERS_WITHIN = 1.0
_ASK_REGISTRY_EVERY = 30.0
_AFTER_A_FAULT = 5.0
_MEMBERS_FOR = 5.0
_WORDS = {State.ROLLED_BACK: "was rolled back", State.ROLLBACK_FAILED: "could not be rolled back"}
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Go:
    """It may begin, with this digest; None where it is no part of a rollout."""

    digest: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """It may not begin yet: why, and in how many seconds to ask again."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """It does not begin at all."""

    ended: Deployment


@dataclass(frozen=True, slots=True)
class _Found:
    deployment: str
    at: float
    digest: str
    tag: str | None


class Rolling:
    """The part of one host in all its rollouts."""

    def __init__(self, host: str, rollouts: Rollouts, wanted: Wanted, overview: Overview) -> None:
        self._host = host
        self._rollouts = rollouts
        self._wanted = wanted
        self._overview = overview
        self._found: dict[str, _Found] = {}
        self._members: dict[str, tuple[float, list[str]]] = {}
        self._held: dict[str, tuple[Part, str]] = {}
        self._ending: dict[str, Part] = {}
        self._asking: dict[str, tuple[asyncio.Task[Resolved | Nothing], float]] = {}

    async def ask(self, waiting: Deployment, target: Target) -> Go | Later | End:
        """Whether a deployment that waits may begin; ask again while it may not."""
        rollout = target.settings.rollout
        if waiting.cause is not None:
            return await self._ask_back(waiting, target, rollout)
        if rollout is None or not _takes_turns(waiting, target):
            return Go()
        found = await self._digest(waiting, target)
        if isinstance(found, Later | End):
            return found
        digest, tag = found
        part = self._part(target, digest)
        members = await self._members_of(part.rollout_id)
        turn = await self._rollouts.turn(
            part,
            waiting.id,
            members=members,
            parallelism=rollout.parallelism,
            back=rollout.on_failure == "rollback",
        )
        if turn.kind == "wait":
            return Later(f"rollout {rollout.group}: waits for {turn.by}", _ASK_EVERY)
        stop = await self._rollouts.stopped(part) if turn.kind == "stopped" else None
        if stop is not None:
            return End(await self._stopped(waiting, part, rollout, stop))
        self._held[target.name] = part, waiting.id
        self._found.pop(target.name, None)
        return Go(digest, tag)

    async def _digest(
        self, waiting: Deployment, target: Target
    ) -> tuple[str, str | None] | Later | End:
        """What the tag means now: all hosts of a rollout go by the digest."""
        now = asyncio.get_running_loop().time()
        known = self._found.get(target.name)
        # A newer push is for another image, however short ago the registry was asked.
        if known and known.deployment == waiting.id and now - known.at < _ASK_REGISTRY_EVERY:
            return known.digest, known.tag
        memory = await self._overview.memory(target.name)
        asking, asked = self._asking.get(target.name, (None, now))
        late = now - asked > _ASK_REGISTRY_EVERY
        if asking is None or asking.get_name() != waiting.id or (late and asking.done()):
            await self._stop_asking(target.name)
            glance = self._wanted.glance(waiting, target, memory)
            asking, asked = asyncio.create_task(glance, name=waiting.id), now
            self._asking[target.name] = asking, asked
        # A registry that hangs holds up this one alone, and nothing else that waits.
        await asyncio.wait({asking}, timeout=_ANSWERS_WITHIN)
        if not asking.done():
            return Later("waits for an answer of the registry", _ASK_EVERY)
        del self._asking[target.name]
        try:
            found = asking.result()
        except (RegistryFault, CredentialsFault) as fault:
            return _fault(waiting, target, fault)
        if isinstance(found, Nothing):
            if found.digest:
                await self._rollouts.out(self._part(target, found.digest))
            facts = {"to_digest": found.digest}
            ended = ended_early(waiting, State.SKIPPED, found.reason)
            return End(ended.model_copy(update=facts))
        self._found[target.name] = _Found(waiting.id, asked, found.digest, found.tag)
        return found.digest, found.tag

    async def _stop_asking(self, target: str) -> None:
        asking, _ = self._asking.pop(target, (None, 0.0))
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def abandon(self) -> None:
        """Asks no registry any more."""
        for target in list(self._asking):
            await self._stop_asking(target)

    async def _members_of(self, rollout_id: str) -> list[str]:
        now = asyncio.get_running_loop().time()
        at, members = self._members.get(rollout_id, (-_MEMBERS_FOR, []))
        if now - at >= _MEMBERS_FOR:
            members = await self._rollouts.members(rollout_id)
            self._members[rollout_id] = now, members
        return members

    async def _stopped(
        self, waiting: Deployment, part: Part, rollout: Rollout, stop: Stop
    ) -> Deployment:
        """Its end where another host has failed; what that asks for is done before."""
        await self._send_back(part, rollout, stop)
        if stop.for_good:
            memory = await self._overview.memory(part.target)
            at = utc_now()
            bad = Bad(digest=part.what, deployment=waiting.id, reason=stop.sentence, at=at)
            await self._overview.remember(part.target, with_bad(memory, bad))
        ended = ended_early(waiting, State.SKIPPED, f"stopped: {stop.sentence}")
        return ended.model_copy(update={"to_digest": part.what})

    async def _ask_back(
        self, waiting: Deployment, target: Target, rollout: Rollout | None
    ) -> Go | Later | End:
        """The way back is gone one after the other too, but each host alone decides."""
        left = waiting.from_digest or ""
        if left not in target.digests:
            return End(ended_early(waiting, State.SKIPPED, f"it no longer runs {left}"))
        if rollout is None or target.rollout_id is None:
            return Go(waiting.to_digest, waiting.tag)
        part = self._part(target, f"{left}:back")
        turn = await self._rollouts.turn(part, waiting.id, parallelism=rollout.parallelism)
        if turn.kind == "wait":
            return Later(f"rollout {rollout.group}: goes back after {turn.by}", _ASK_EVERY)
        self._held[target.name] = part, waiting.id
        return Go(waiting.to_digest, waiting.tag)

    async def untaken(self, target: str) -> None:
        """It had its turn and did not begin after all."""
        part, _ = self._held.pop(target, (None, ""))
        if part is not None:
            await self._rollouts.out(part)

    def resumed(self, journal: Journal) -> None:
        """It goes on with a deployment that was in its turn when this program was killed."""
        part = self._part_of(journal)
        if part is not None:
            self._held.setdefault(part.target, (part, journal.deployment.id))

    async def keep(self) -> None:
        """Says that every turn goes on, once."""
        for target, held in list(self._held.items()):
            # It may have ended while another one was renewed.
            if self._held.get(target) == held:
                await self._rollouts.keep(*held)

    async def ended(self, journal: Journal) -> None:
        """Says how a turn ended; where it failed, those that were done are told to go back.

        It may be repeated.
        """
        deployment = journal.deployment
        held, id_ = self._held.pop(deployment.target, (None, ""))
        if held is not None and id_ == deployment.id:
            self._ending[id_] = held
        part = self._ending.get(deployment.id) or self._part_of(journal)
        rollout = journal.target.settings.rollout
        if part is None or rollout is None:
            return
        if deployment.cause is not None or deployment.state in (State.SKIPPED, State.SUPERSEDED):
            await self._rollouts.out(part)
        elif deployment.state is State.SUCCEEDED:
            await self._rollouts.done(part, deployment.from_digest)
        else:
            word = _WORDS.get(deployment.state, "failed")
            sentence = f"{part.member} {word}: {deployment.reason}"[:_LONGEST]
            back = rollout.on_failure == "rollback"
            await self._rollouts.stop(part, sentence, for_good=journal.condemned, back=back)
        stop = await self._rollouts.stopped(part)
        if stop is not None:
            await self._send_back(part, rollout, stop)
        self._ending.pop(deployment.id, None)

    async def _send_back(self, part: Part, rollout: Rollout, stop: Stop) -> None:
        if not stop.back:
            return
        for member, before in stop.done.items():
            target, _, host = member.rpartition("@")
            cause = f"rollout {rollout.group} was stopped: {stop.sentence}"
            command = _back(target, host, part.what, before, cause)
            if not await self._rollouts.send_back(part, command):
                log.error("cannot be told to go back: too many commands wait", host=host)

    def _part_of(self, journal: Journal) -> Part | None:
        deployment, target = journal.deployment, journal.target
        if target.rollout_id is None or deployment.to_digest is None:
            return None
        if deployment.cause is not None:
            return self._part(target, f"{deployment.from_digest}:back")
        return (
            self._part(target, deployment.to_digest) if _takes_turns(deployment, target) else None
        )

    def _part(self, target: Target, what: str) -> Part:
        return Part(target.rollout_id or "", what, target.name, self._host)


def _takes_turns(deployment: Deployment, target: Target) -> bool:
    by_itself = deployment.trigger in (Trigger.PUSH, Trigger.RECONCILE)
    return by_itself and target.rollout_id is not None


def _fault(
    waiting: Deployment, target: Target, fault: RegistryFault | CredentialsFault
) -> Later | End:
    waited = (utc_now() - waiting.queued_at).total_seconds()
    if worth_another(fault, waiting) and waited < target.settings.pull_timeout:
        asked = fault.retry_after if isinstance(fault, RegistryAway) else None
        return Later(str(fault), max(_AFTER_A_FAULT, asked or 0.0))
    return End(ended_early(waiting, State.FAILED, str(fault)))


def _back(target: str, host: str, left: str, before: str, cause: str) -> Command:
    now = utc_now()
    deployment = Deployment(
        id=new_deployment_id(now),
        target=target,
        host=host,
        trigger=Trigger.ROLLBACK,
        image="",
        from_digest=left,
        to_digest=before or None,
        cause=cause,
        queued_at=now,
    )
    return Command(kind="rollback", deployment=deployment, digest=before or None)
