"""Who tells people: notices go into the outbox with the record, and from there to each notifier.

One courier a notifier carries its notices in order, so that a broken one is in nobody's way: not in
another's, and never in a deployment's. A notice that was sent but not yet struck off when this
process was killed is sent again, under the same id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from listener.config import Settings
from listener.config.notifier import Notifier
from listener.model.base import utc_now
from listener.model.deployment import Deployment, State, Trigger
from listener.model.journal import Phase
from listener.model.notice import Notice, notice_of
from listener.notify import NotTaken, Sender, repository_of, sender_for
from listener.notify.message import link_to
from listener.store import LeaseLost, Ledger, OutboxEntry, Unavailable
from listener.worker.waiting import until

log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0
_RETRY_EVERY = 0.5
_LONGEST_PAUSE = 300.0
_WORTH_TELLING = timedelta(hours=24)


class Couriers:
    """The couriers of one host; the ledger asks `notices` what goes into the outbox."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._told: dict[str, Deployment] = {}
        self._sent: deque[str] = deque(maxlen=100)

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration; notices for who is no longer named are dropped."""
        self._settings = settings
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._wake.set()

    def notices(self, deployment: Deployment) -> list[OutboxEntry]:
        """What is told of a deployment that has just come further, and to whom."""
        if deployment.dry_run:
            return []
        repeats = self._repeats(deployment)
        wanted = [
            one
            for one in self._settings.notify
            # What GitHub was told of when it began must not seem to go on for ever.
            if _is_told(one, deployment) and not (repeats and one.github is None)
        ]
        if not wanted:
            return []
        if deployment.state.final:
            self._told[deployment.target] = deployment
        self._wake.set()
        notice = notice_of(deployment, deployment.finished_at or utc_now())
        return [OutboxEntry(notifier=one.key, notice=notice) for one in wanted]

    def _repeats(self, deployment: Deployment) -> bool:
        """Whether reconcile has only found the same failure again: nothing has changed."""
        last = self._told.get(deployment.target)
        if last is None or last.id == deployment.id or deployment.trigger is not Trigger.RECONCILE:
            return False
        same = (last.state, last.to_digest) == (deployment.state, deployment.to_digest)
        return same and deployment.state is State.FAILED

    async def look(self) -> None:
        """One round: sets couriers going for what the outbox has."""
        self._wake.clear()
        known = {one.key: one for one in self._settings.notify}
        waiting: dict[str, list[OutboxEntry]] = {}
        for entry in await self._ledger.outbox():
            waiting.setdefault(entry.notifier, []).append(entry)
        for key, entries in waiting.items():
            if key in self._tasks:
                continue
            # A record that is written again, since Redis did not answer, brings its notice again.
            stale = [one for one in entries if key not in known or one.field in self._sent]
            if stale:
                await self._ledger.struck_off(stale)
            if key not in known:
                log.warning("notices dropped: who was to be told is not in the configuration now")
            elif fresh := [one for one in entries if one not in stale]:
                work = self._carry(known[key], fresh)
                self._tasks[key] = asyncio.create_task(work, name=f"tell {known[key].name}")
        await until(self._wake, _LOOK_EVERY)

    async def abandon(self) -> None:
        """Ends all couriers; what was not sent stays in the outbox."""
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _carry(self, notifier: Notifier, entries: Sequence[OutboxEntry]) -> None:
        sender = sender_for(notifier)
        try:
            for entry in entries:
                await self._deliver(sender, notifier, entry.notice)
                self._sent.append(entry.field)
                await self._strike_off(entry)
        except LeaseLost:
            log.warning("notices left to the new worker", notifier=notifier.name)
        except Exception:
            log.exception("telling people failed by a fault of this program")
            await asyncio.sleep(_LOOK_EVERY)
        finally:
            await sender.close()
            # After a reload another one may carry on already.
            if self._tasks.get(notifier.key) is asyncio.current_task():
                del self._tasks[notifier.key]
            self._wake.set()

    async def _deliver(self, sender: Sender, notifier: Notifier, notice: Notice) -> None:
        """Sends one notice, again and again while it is worth it."""

        def old(_: RetryCallState) -> bool:
            return utc_now() - notice.at > _WORTH_TELLING

        told = partial(self._tell_trouble, notifier, notice)
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(lambda one: isinstance(one, NotTaken) and not one.final),
                wait=wait_exponential_jitter(initial=1, max=_LONGEST_PAUSE, jitter=1),
                stop=old,
                before_sleep=told,
                reraise=True,
            ):
                with attempt:
                    await sender.send(notice, link_to(notice, self._settings.admin.url))
        except NotTaken as problem:
            log.error(  # noqa: TRY400 - the sentence says it
                "notice given up", notifier=notifier.name, notice=notice.id, reason=str(problem)
            )
        else:
            log.info("told", notifier=notifier.name, notice=notice.id)

    def _tell_trouble(self, notifier: Notifier, notice: Notice, state: RetryCallState) -> None:
        if state.attempt_number == 1:
            reason = str(state.outcome.exception()) if state.outcome is not None else ""
            log.warning(
                "notice not taken, trying on",
                notifier=notifier.name,
                notice=notice.id,
                reason=reason,
            )

    async def _strike_off(self, entry: OutboxEntry) -> None:
        while True:
            try:
                return await self._ledger.struck_off([entry])
            except Unavailable:
                await asyncio.sleep(_RETRY_EVERY)


def _is_told(notifier: Notifier, deployment: Deployment) -> bool:
    """GitHub is told that the image of one of its commits is here, and of the end."""
    if notifier.github is None:
        return deployment.state.value in notifier.on
    if repository_of(deployment.source, notifier.github_host) is None:
        return False
    return deployment.state.final or _just_pulled(deployment)


def _just_pulled(deployment: Deployment) -> bool:
    return len(deployment.steps) > 1 and deployment.steps[-2].name == Phase.PULL
