"""The hosts as a whole: which of them live, and forgetting those that are gone for good."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from redis.exceptions import ResponseError

from listener.model.view import HostView, TargetView
from listener.store import changes, keys, scripts
from listener.store.client import Store
from listener.store.lease import TTL, Lease, read_holder

ALIVE_WITHIN = TTL
"""Seconds: a host whose worker has not renewed its lease for so long is not alive."""


class Fleet:
    """All hosts that ever published. Methods raise `Unavailable`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def alive(self, hosts: Sequence[HostView]) -> frozenset[str]:
        """The names of those whose worker holds the lease of its engine now.

        By the clock of Redis alone: that of a host may be wrong.
        """
        known = [(host.name, host.engine_id) for host in hosts if host.engine_id]
        if not known:
            return frozenset()
        leases = await self._store.call("MGET", *(keys.lease(engine) for _, engine in known))
        return frozenset(
            name
            for (name, _), held in zip(known, leases, strict=True)
            if held is not None and read_holder(held).host == name
        )

    async def forget(self, host: HostView) -> bool:
        """Removes everything that is kept of a host; False, and nothing is, where it is alive.

        Its lease is held meanwhile, so that its worker cannot begin in the middle. A call that
        was cut short is completed by the next one.
        """
        if host.engine_id is None:
            await self._remove(host.name)
            return True
        lease = Lease(self._store, host.engine_id, secrets.token_hex(16), host.name)
        if not await lease.acquire():
            holder = await lease.holder()
            if holder is None or holder.host == host.name:
                return False
            # Another host works for this engine now: it keeps its lease.
            await self._remove(host.name)
            return True
        try:
            await self._remove(host.name)
        finally:
            await lease.release()
        await self._store.call("DEL", keys.fence(host.engine_id))
        return True

    async def _remove(self, host: str) -> None:
        await self._leave_the_stream(host)
        paused = await self._store.call("HKEYS", keys.PAUSED)
        fields = [field for field in paused if field.rpartition("@")[2] == host]
        if fields:
            await self._store.call("HDEL", keys.PAUSED, *fields)
        await self._remove_histories(host)
        await self._leave_rollouts(host)
        own = (keys.commands(host), keys.lanes(host), keys.swaps(host), keys.memory(host))
        await self._store.call("DEL", *own, keys.views(host), keys.outbox(host))
        # Last: as long as it is there, a call that was cut short can be repeated.
        event = changes.entry("host", host)
        await self._store.run(scripts.FIELD, [keys.HOSTS, keys.EVENTS], [host, "", *event])

    async def _leave_the_stream(self, host: str) -> None:
        try:
            await self._store.call("XGROUP", "DESTROY", keys.PUSHES, keys.group(host))
        except ResponseError as fault:
            if "requires the key to exist" not in str(fault):
                raise

    async def _leave_rollouts(self, host: str) -> None:
        for text in await self._store.call("HVALS", keys.views(host)):
            view = TargetView.model_validate_json(text)
            if view.rollout is not None:
                member = keys.member(view.name, host)
                await self._store.call("HDEL", keys.rollout(view.rollout), member)

    async def _remove_histories(self, host: str) -> None:
        """Every target that a host ever had is in its memory, but for those that never ran."""
        hashes = (keys.memory(host), keys.lanes(host), keys.views(host))
        answers = await self._store.pipe([("HKEYS", name) for name in hashes])
        for target in {target for names in answers for target in names}:
            history = keys.history(host, target)
            ids = await self._store.call("ZRANGE", history, 0, -1)
            if ids:
                await self._store.call("DEL", *(keys.deployment(id_) for id_ in ids))
                await self._store.call("ZREM", keys.HISTORY, *ids)
            await self._store.call("DEL", history)
