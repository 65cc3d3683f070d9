"""What shall run: the registry is asked, the payload of a push is only a hint."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from listener.deploy.outcomes import Faulted, Nothing, Resolved
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineAway, EngineError
from listener.model.auth import CredentialsFault
from listener.model.base import utc_now
from listener.model.deployment import Deployment, Trigger
from listener.model.reference import Reference, is_digest, parse_reference
from listener.model.tag_policy import version_of
from listener.model.target import Memory, Target
from listener.registry import (
    Asks,
    Credentials,
    Denied,
    NotFound,
    NotSigned,
    RegistryAway,
    RegistryFault,
    check_signed,
    read_key,
)

# Registries announce a push before all their replicas can serve it.
_LAG = timedelta(seconds=60)
# So many versions are asked for, where the higher ones were taken back.
_VERSIONS = 5
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


class Wanted:
    """Finds the digest that a deployment shall bring.

    `doubt`, once set, is told of a push after which there is nothing to do, because the registry
    says another digest than the push did: then it may say it soon.
    """

    def __init__(self, engine: Engine, resolver: Asks, credentials: Credentials) -> None:
        self._engine = engine
        self._resolver = resolver
        self._credentials = credentials
        self.doubt: Callable[[Deployment], None] | None = None

    async def find(
        self, deployment: Deployment, target: Target, memory: Memory
    ) -> Resolved | Nothing | Faulted:
        """The digest and tag, the reason for doing nothing, or why the registry has no answer.

        Transient faults are tried again until the target's `pull_timeout` has passed. Where the
        target asks for a signature, what is not signed is a fault; a rollback goes to what ran.
        """
        found = await self._find(deployment, target, memory)
        verify = target.settings.verify
        if not isinstance(found, Resolved) or verify is None:
            return found
        if deployment.trigger is Trigger.ROLLBACK:
            return found
        problem = await self._unsigned(deployment, target, found.digest, verify.cosign_key)
        return Faulted(problem) if problem is not None else found

    async def _unsigned(
        self, deployment: Deployment, target: Target, digest: str, file: Path
    ) -> str | None:
        """Why a digest does not count as signed; None where it does."""
        try:
            key = await asyncio.to_thread(read_key, file)
        except ValueError as problem:
            return str(problem)

        def soon(fault: BaseException) -> bool:
            # An image is signed once it was pushed, so its signature comes a little later.
            late = isinstance(fault, NotSigned) and _fresh(deployment.received_at)
            return late or worth_another(fault, deployment)

        address = parse_reference(target.spelling)
        retrying = AsyncRetrying(retry=retry_if_exception(soon), wait=_pause, reraise=True)
        try:
            async with asyncio.timeout(target.settings.pull_timeout):
                await retrying(check_signed, self._resolver, address, digest, key)
        except TimeoutError:
            return f"the signature of {digest} could not be read in time"
        except (NotSigned, RegistryFault, CredentialsFault) as fault:
            return str(fault)
        return None

    async def _find(
        self, deployment: Deployment, target: Target, memory: Memory
    ) -> Resolved | Nothing | Faulted:
        if target.problem is not None:
            return Faulted(target.problem)
        if deployment.trigger is Trigger.ROLLBACK and deployment.to_digest is None:
            return _go_back(target, memory)
        if deployment.to_digest is not None:
            tag = deployment.tag or _tag_of(deployment.to_digest, memory) or target.tag
            given = _checked(Resolved(deployment.to_digest, tag), deployment, target, memory)
            if isinstance(given, Nothing):
                return given
            problem = await self._refusal(deployment, target)
            return Faulted(problem) if problem is not None else given
        faults: list[BaseException] = []

        def counted(fault: BaseException) -> bool:
            faults.append(fault)
            return worth_another(fault, deployment)

        retrying = AsyncRetrying(retry=retry_if_exception(counted), wait=_pause, reraise=True)
        try:
            async with asyncio.timeout(target.settings.pull_timeout):
                found: Resolved = await retrying(self._ask, deployment, target, memory)
        except TimeoutError:
            last = f": {faults[-1]}" if faults else ""
            return Faulted(
                f"registry {target.image.partition('/')[0]} gave no answer within "
                f"{target.settings.pull_timeout:g} s{last}"
            )
        except (RegistryFault, CredentialsFault) as fault:
            return Faulted(str(fault))
        return self._weighed(found, deployment, target, memory)

    async def _refusal(self, deployment: Deployment, target: Target) -> str | None:
        """Why no node of a swarm could pull a digest that was named by hand; None where one may.

        Swarm stops tasks before it finds that out. What a rollback goes to, nodes may still have.
        """
        if target.driver != "swarm" or deployment.trigger is not Trigger.MANUAL:
            return None
        address = parse_reference(target.spelling)
        try:
            await self._resolver.digest(address, deployment.to_digest or "")
        except (NotFound, Denied) as fault:
            return str(fault)
        except RegistryFault:
            return None  # one that this process does not reach may be in reach of the nodes
        return None

    async def glance(
        self, deployment: Deployment, target: Target, memory: Memory
    ) -> Resolved | Nothing:
        """Like `find`, asked once; raises RegistryFault and CredentialsFault."""
        found = await self._ask(deployment, target, memory)
        return self._weighed(found, deployment, target, memory)

    def _weighed(
        self, found: Resolved, deployment: Deployment, target: Target, memory: Memory
    ) -> Resolved | Nothing:
        """What a registry said, checked; some say for a while what a tag meant before a push.

        The lane is not held meanwhile: what a push names may be one platform of what the tag means,
        and then a registry never says it.
        """
        outcome = _checked(found, deployment, target, memory)
        if not isinstance(outcome, Nothing) or self.doubt is None:
            return outcome
        if not _untold(found, deployment, target, memory):
            return outcome
        self.doubt(deployment)
        more = f"{deployment.hint} was pushed, so the registry is asked again soon"
        return dataclasses.replace(outcome, reason=f"{outcome.reason}; {more}")

    async def _ask(self, deployment: Deployment, target: Target, memory: Memory) -> Resolved:
        """What the tag means; of a range of versions the highest that was not taken back."""
        # The container's own spelling is the address; a payload never chooses one.
        address = parse_reference(target.spelling)
        bad = {entry.digest for entry in memory.bad}
        tags = await self._tags(deployment, target, address)
        answers = []
        for tag in tags[:_VERSIONS]:
            try:
                answers.append(Resolved(await self._digest(address, tag), tag))
            except NotFound:
                # One that is listed still, and was deleted: the wanted one has been found.
                if not answers:
                    raise
                continue
            if answers[-1].digest not in bad:
                return answers[-1]
        return answers[0]

    async def _digest(self, address: Reference, tag: str) -> str:
        try:
            return await self._resolver.digest(address, tag)
        except RegistryAway as fault:
            return await self._ask_engine(address, tag, fault)

    async def _tags(
        self, deployment: Deployment, target: Target, address: Reference
    ) -> Sequence[str]:
        """The tags to ask for, the wanted one first; others are for where that is a bad one."""
        policy = target.policy
        if deployment.trigger is Trigger.MANUAL and deployment.tag is not None:
            return [deployment.tag]
        if policy is not None and policy.exact is not None:
            return [policy.exact]
        if policy is not None and policy.semver is not None:
            known = set(await self._resolver.tags(address))
            if deployment.trigger is Trigger.PUSH and _fresh(deployment.received_at):
                # Some registries list a tag only a while after they told of its push.
                known.add(deployment.tag or "")
            tags = [tag for tag in known if policy.matches(tag)]
            versions = [(version, tag) for tag in tags if (version := version_of(tag)) is not None]
            running = version_of(target.tag or "")
            ordered = sorted(versions, reverse=True)
            newer = [tag for version, tag in ordered if running is None or version > running]
            if ordered:
                return (
                    ordered[0][1:] if deployment.trigger is Trigger.MANUAL or not newer else newer
                )
        return [deployment.tag or target.tag or "latest"]

    async def _ask_engine(self, address: Reference, tag: str, fault: RegistryAway) -> str:
        """The engine may reach a registry that this process cannot."""
        try:
            auth = await self._credentials.for_host(address.registry)
            answer = await self._engine.distribution(f"{address.name}:{tag}", auth)
        except (EngineAway, EngineError):
            raise fault from None
        digest = str((answer.get("Descriptor") or {}).get("digest", ""))
        if not is_digest(digest):
            raise fault
        return digest


def _go_back(target: Target, memory: Memory) -> Resolved | Nothing:
    bad = {entry.digest for entry in memory.bad}
    for good in memory.good:
        if good.digest not in bad and good.image_id != target.image_id:
            return Resolved(good.digest, good.tag or target.tag)
    return Nothing("no earlier good digest is known for this target")


def _checked(
    found: Resolved, deployment: Deployment, target: Target, memory: Memory
) -> Resolved | Nothing:
    if deployment.force:
        return found
    if found.digest in target.digests:
        if _is_older(deployment.tag, target):
            reason = f"{deployment.tag} is older than {target.tag}, which runs"
            return Nothing(reason, deployment.hint)
        return Nothing(f"already runs {found.digest}", found.digest)
    if deployment.trigger in (Trigger.MANUAL, Trigger.ROLLBACK):
        return found
    for bad in memory.bad:
        if bad.digest == found.digest:
            return Nothing(
                f"{bad.digest} is known to be bad, from deployment {bad.deployment}: {bad.reason}",
                bad.digest,
            )
    if _is_older(found.tag, target):
        return Nothing(f"{found.tag} is older than {target.tag}, which runs", found.digest)
    return found


def _is_older(tag: str | None, target: Target) -> bool:
    """Whether a version is below the one that runs, where the target follows a range of them."""
    if target.policy is None or target.policy.semver is None:
        return False
    new, running = version_of(tag or ""), version_of(target.tag or "")
    return new is not None and running is not None and new < running


def _untold(found: Resolved, deployment: Deployment, target: Target, memory: Memory) -> bool:
    """Whether a push that was just received named a digest that neither is said nor runs."""
    if deployment.trigger is not Trigger.PUSH or deployment.hint in (None, found.digest):
        return False
    runs = {good.digest for good in memory.good if good.image_id == target.image_id}
    return deployment.hint not in runs.union(target.digests) and _fresh(deployment.received_at)


def _tag_of(digest: str, memory: Memory) -> str | None:
    return next((good.tag for good in memory.good if good.digest == digest), None)


def worth_another(fault: BaseException, deployment: Deployment) -> bool:
    """Whether a registry that gave no answer may have one soon."""
    if isinstance(fault, NotFound):
        return _fresh(deployment.received_at)
    return isinstance(fault, RegistryAway) and not isinstance(fault, Denied)


def _fresh(received_at: datetime | None) -> bool:
    return received_at is not None and utc_now() - received_at < _LAG


def _pause(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome is not None else None
    asked = fault.retry_after if isinstance(fault, RegistryAway) else None
    jittered = wait_random_exponential(multiplier=_SHORTEST_PAUSE, max=_LONGEST_PAUSE)(state)
    return max(asked or 0.0, jittered, _SHORTEST_PAUSE / 2)
