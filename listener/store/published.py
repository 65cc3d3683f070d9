"""What the API shows of a host and its targets, as its worker last wrote it.

Only what differs is written: a hundred targets are 60 kB, and a disk has to take each write.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping

from listener.model.view import HostView, TargetView
from listener.store import changes, keys
from listener.store.lease import Lease, Transaction

_WHOLE_EVERY = 300.0
"""Seconds until everything is written again: a failover may have lost some of it."""


class Published:
    """Remembers what stands in Redis, for the time of one lease."""

    def __init__(self, host: str, lease: Lease) -> None:
        self._host = host
        self._lease = lease
        self._views: Mapping[str, TargetView] = {}
        self._whole_at = -math.inf

    async def write(self, views: Iterable[TargetView], host_view: HostView) -> None:
        """Replaces all that is shown. Raises as `Lease.write`."""
        step, table = Transaction(), keys.views(self._host)
        shown = {view.name: view for view in views}
        now = time.monotonic()
        whole = now - self._whole_at > _WHOLE_EVERY
        if whole:
            step.add("DEL", table)
        for name in sorted(shown.keys() | self._views.keys()):
            before, view = self._views.get(name), shown.get(name)
            differs = view is not before and view != before
            if view is None:
                step.add("HDEL", table, name)
            elif whole or differs:
                step.add("HSET", table, name, view.model_dump_json())
            if differs:
                step.add("XADD", keys.EVENTS, *changes.entry("target", name, self._host))
            self._takes_part(step, name, before.rollout if before else None, view)
        step.add("HSET", keys.HOSTS, self._host, host_view.model_dump_json())
        step.add("XADD", keys.EVENTS, *changes.entry("host", self._host))
        # Without an answer it is not known what stands there: then all is written again.
        whole_at, self._whole_at = now if whole else self._whole_at, -math.inf
        await self._lease.write(step)
        self._views, self._whole_at = shown, whole_at

    def _takes_part(
        self, step: Transaction, target: str, before: str | None, view: TargetView | None
    ) -> None:
        member, now = keys.member(target, self._host), view.rollout if view else None
        if before is not None and before != now:
            step.add("HDEL", keys.rollout(before), member)
        if now is not None:
            # Whoever reads it counts a worker without that lease as away.
            under = f"{self._lease.engine_id} {self._lease.fence}"
            step.add("HSET", keys.rollout(now), member, under)
            step.add("EXPIRE", keys.rollout(now), keys.ROLLOUT_SECONDS)
