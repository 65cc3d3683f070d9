"""A worker host without an engine: it keeps its lease, reads, matches, queues and publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from listener.matching import matching
from listener.model.base import timed_id, utc_now
from listener.model.delivery import Delivery, new_delivery_id
from listener.model.deployment import Deployment, State, Step, Trigger, new_deployment_id
from listener.model.journal import Journal, OldContainer, Phase
from listener.model.push import Match, Push
from listener.model.tag_policy import TagPolicy
from listener.model.target import Good, Memory, Target, TargetSettings
from listener.model.view import HostView
from listener.model.view import TargetView as View
from listener.store import Archive, Lease, Ledger, PushAck, PushLog, Store, Unavailable, connect
from listener.worker.lanes import Lanes, ended_early

_BATCH, _BLOCK, _PUBLISH_EVERY, _SIP = 50, 3.0, 10.0, 0.05
_SHARED_BY = 3
"""How many hosts run one image."""
_DIGEST = "sha256:" + "5" * 64


def a_push(number: int, targets: int, shared_by: int = _SHARED_BY) -> Push:
    """One push of many; each is for about `shared_by` targets of all."""
    now = utc_now()
    return Push(
        id=timed_id("p", now),
        hook="private",
        provider="distribution",
        image=_image(number, targets, shared_by),
        tag="latest",
        digest=f"sha256:{number:064x}",
        actor="ci",
        received_at=now,
        delivery=f"{number:032x}",
    )


def a_delivery(push: Push) -> Delivery:
    """The request that brought a push."""
    return Delivery(
        id=new_delivery_id(push.received_at),
        hook=push.hook,
        provider=push.provider,
        received_at=push.received_at,
        code=202,
        outcome="stored",
        milliseconds=1.2,
        peer="10.0.0.9",
    )


def _image(number: int, targets: int, shared_by: int) -> str:
    return f"registry.example.com/team/app-{number % max(1, targets // shared_by):06}"


class SimulatedHost:
    """One host of `size`, with `targets` targets; `taken` counts the pushes that it has taken.

    One image is run by `shared_by` targets. With `deploys` it also does what it has queued, and
    writes the journal each time after so many steps.
    """

    def __init__(
        self,
        name: str,
        targets: int,
        size: int,
        *,
        shared_by: int = _SHARED_BY,
        deploys: int = 0,
    ) -> None:
        self.name, self.targets, self.taken = name, targets, 0
        self._deploys = deploys
        first = int(name[1:] or 0) * targets
        self._targets = [
            Target(
                name=f"app-{number}",
                host=name,
                settings=TargetSettings(),
                image=_image(first + number, size * targets, shared_by),
                policy=TagPolicy(exact="latest"),
            )
            for number in range(targets)
        ]
        self._work: list[asyncio.Task[None]] = []

    async def begin(self, url: str, stack: AsyncExitStack, *, reads: bool = True) -> None:
        """Takes its lease, and with `reads` goes on as a worker does."""
        self._store: Store = await connect(url)
        stack.push_async_callback(self._store.close)
        self._lease = Lease(self._store, f"engine-{self.name}", self.name, self.name)
        if not await self._lease.acquire():
            raise RuntimeError(f"{self.name} has no lease")
        self._ledger = Ledger(self._store, self._lease, self.name)
        self._archive = Archive(self._store)
        self._log = PushLog(self._store)
        self._lanes = Lanes(self._ledger, self._archive)
        acts = (self._read, self._obey, self._publish) if reads else ()
        self._work = [asyncio.create_task(self._lease.keep())]
        self._work += [asyncio.create_task(self._for_ever(act)) for act in acts]

    async def end(self) -> None:
        """Ends what it does."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def deploy(self) -> None:
        """A whole deployment, as it is recorded."""
        deployment = self._deployment(self._targets[0], None)
        await self._lanes.place([deployment])
        await self._do(self._targets[0], deployment)

    async def _do(self, target: Target, deployment: Deployment, at_once: int = 1) -> None:
        await self._lanes.take(deployment)
        old = OldContainer(
            id="c" * 64,
            name="app",
            image_id=_DIGEST,
            digest=_DIGEST,
            image_config={"Env": ["PATH=/bin"] * 10},
            inspect={"Config": "x" * 6000},
            was_running=True,
            was_healthy=True,
        )
        journal = Journal(deployment=deployment, target=target, phase=Phase.RESOLVE, old=old)
        for number in range(0, 12, at_once):
            steps = [
                Step(name=f"step-{one}", started_at=utc_now(), finished_at=utc_now())
                for one in range(number, number + at_once)
            ]
            facts = {"steps": (*journal.deployment.steps, *steps)}
            changed = journal.deployment.model_copy(update=facts)
            journal = journal.model_copy(update={"deployment": changed})
            await self._ledger.save(journal)
        good = Good(digest=_DIGEST, at=utc_now(), image_config={"Env": ["PATH=/bin"] * 10})
        ended = ended_early(journal.deployment, State.SUCCEEDED, "healthy")
        await self._lanes.finish(ended, Memory(good=(good,) * 3), None)

    async def _for_ever(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            # A machine that is busy with a thousand hosts is late now and then.
            with suppress(Unavailable):
                await act()

    async def _read(self) -> None:
        entries = await self._log.read(self.name, _BATCH, _BLOCK)
        nobodys: list[PushAck] = []
        for entry, push in entries:
            queued = [
                (target, self._deployment(target, push))
                for target, reason in matching(push, self._targets)
                if reason is None
            ]
            ack = PushAck(
                entry_id=entry,
                push_id=push.id,
                matches=tuple(
                    Match(target=target.name, host=self.name, deployment=deployment.id)
                    for target, deployment in queued
                ),
            )
            if queued:
                await self._lanes.place([one for _, one in queued], pushes=[ack])
            else:
                nobodys.append(ack)
            if self._deploys:
                await asyncio.gather(*(self._do(*one, self._deploys) for one in queued))
        if nobodys:
            await self._lanes.place([], pushes=nobodys)
        self.taken += len(entries)
        if len(entries) > 1:
            await asyncio.sleep(_SIP)

    async def _obey(self) -> None:
        await self._ledger.read_commands(_BLOCK)

    async def _publish(self) -> None:
        await self._archive.pauses()
        seen = HostView(name=self.name, engine_id=self._lease.engine_id, last_seen=utc_now())
        await self._ledger.publish([_view(target) for target in self._targets], seen)
        await asyncio.sleep(_PUBLISH_EVERY)

    def _deployment(self, target: Target, push: Push | None) -> Deployment:
        now = utc_now()
        return Deployment(
            id=new_deployment_id(now),
            target=target.name,
            host=self.name,
            trigger=Trigger.PUSH,
            image=target.image,
            tag="latest",
            hint=push.digest if push else None,
            pushes=(push.id,) if push else (),
            received_at=push.received_at if push else None,
            queued_at=now,
        )


def _view(target: Target) -> View:
    return View(
        name=target.name,
        host=target.host,
        driver="container",
        image=target.image,
        tag="latest",
        policy=target.policy,
        digest=_DIGEST,
        health="healthy",
    )
