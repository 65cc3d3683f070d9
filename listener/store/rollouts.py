"""What the hosts of a rollout share: whose turn it is, how far each is, and whether it stopped.

Every host asks for its turn by itself, and says when it is done; nobody is in charge. All times are
those of Redis' clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from listener.model.base import Noun
from listener.store import changes, keys, scripts
from listener.store.client import Argument, Store
from listener.store.lease import Lease
from listener.store.ledger import Command

LOST_AFTER = 120.0
"""Seconds: one in its turn that says nothing for so long stops the others."""
GATHER = 15.0
"""Seconds in which hosts are waited for that have not asked for their turn yet, or again."""
_ROLLING = 86400
_STOPPED = 900


@dataclass(frozen=True, slots=True)
class Part:
    """One target of a host in the rollout of one digest; `what` is that digest."""

    rollout_id: str
    what: str
    target: str
    host: str

    @property
    def member(self) -> str:
        """Its name among the members."""
        return keys.member(self.target, self.host)


class Turn(Noun):
    """The answer to who asks for a turn; `by` is a member to wait for."""

    kind: Literal["go", "wait", "stopped"]
    by: str | None = None


class Stop(Noun):
    """Why nobody begins any more. `for_good`: the digest is not tried again by itself; `back`: it
    goes from where it was deployed already. `done` has what those ran before, '' where unknown.
    """

    sentence: str
    for_good: bool
    back: bool
    done: dict[str, str] = {}


class Rollouts:
    """The rollouts as the worker of one host sees them. Methods raise LeaseLost, `Unavailable`."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        *,
        lost_after: float = LOST_AFTER,
        gather: float = GATHER,
    ) -> None:
        self._store = store
        self._lease = lease
        self._lost_after = round(lost_after * 1000)
        self._gather = round(gather * 1000)

    async def members(self, rollout_id: str) -> list[str]:
        """Those whose worker lives and that are not paused, in the order of their hosts."""
        fields = await self._store.call("HGETALL", keys.rollout(rollout_id))
        said = {
            member: (keys.lease(engine), fence)
            for member, value in zip(fields[::2], fields[1::2], strict=True)
            for engine, _, fence in [value.rpartition(" ")]
        }
        leases = sorted({lease for lease, _ in said.values()})
        values = await self._store.call("MGET", *leases) if leases else []
        fences = {
            lease: value.split(" ", 1)[0]
            for lease, value in zip(leases, values, strict=True)
            if value is not None
        }
        paused = set(await self._store.call("HKEYS", keys.PAUSED))
        there = [
            member
            for member, (lease, fence) in said.items()
            if fences.get(lease) == fence and member not in paused
        ]
        return sorted(there, key=_by_host)

    async def turn(
        self,
        part: Part,
        deployment: str,
        *,
        members: Sequence[str] = (),
        parallelism: int = 1,
        back: bool = False,
    ) -> Turn:
        """Asks whether it may begin now; ask again every few seconds while it may not.

        Of the `members` those before it go first. `back`: where one of them is lost in its turn,
        those that were done go back.
        """
        place = _by_host(part.member)
        first = [member for member in members if _by_host(member) < place]
        arguments: list[Argument] = [part.member, deployment, parallelism]
        arguments += [self._lost_after, self._gather, _ROLLING, int(back)]
        arguments.append(keys.ROLLOUT_SECONDS if back else _STOPPED)
        answer = await self._lease.run(scripts.TURN, _names(part), [*arguments, *first])
        kind, *by = answer
        return Turn(kind=kind, by=by[0] if by else None)

    async def keep(self, part: Part, deployment: str) -> None:
        """Says that its turn goes on; well within `lost_after`."""
        arguments: list[Argument] = [part.member, deployment, self._lost_after, _ROLLING]
        await self._lease.run(scripts.KEEP_TURN, _names(part), arguments)

    async def done(self, part: Part, before: str | None) -> None:
        """It runs the digest now, and ran another `before`."""
        await self._end(part, f"done {before or ''}")

    async def out(self, part: Part) -> None:
        """It had nothing to do, or something else has come first."""
        await self._end(part, "out")

    async def stop(self, part: Part, sentence: str, *, for_good: bool, back: bool) -> None:
        """It failed: nobody begins any more."""
        final = for_good or back
        lasts = keys.ROLLOUT_SECONDS if final else _STOPPED
        await self._end(part, "out", sentence, int(back), int(final), lasts)

    async def stopped(self, part: Part) -> Stop | None:
        """Why it stopped; None where it did not."""
        fields = await self._store.call("HGETALL", keys.rolling(part.rollout_id, part.what))
        found = dict(zip(fields[::2], fields[1::2], strict=True))
        if "stopped" not in found:
            return None
        done = {
            member: state.removeprefix("done ")
            for member, state in found.items()
            if "@" in member and state.startswith("done ")
        }
        return Stop(
            sentence=found["stopped"],
            for_good=found.get("for_good") == "1",
            back=found.get("back") == "1",
            done=done,
        )

    async def send_back(self, part: Part, command: Command) -> bool:
        """Tells a host that was done to go back, once; False where its commands are full."""
        deployment = command.deployment
        answer = await self._lease.run(
            scripts.SEND_BACK,
            [
                keys.rolling(part.rollout_id, part.what),
                keys.commands(deployment.host),
                keys.deployment(deployment.id),
                keys.HISTORY,
                keys.history(deployment.host, deployment.target),
                keys.EVENTS,
            ],
            [
                keys.member(deployment.target, deployment.host),
                keys.COMMANDS_CAP,
                deployment.id,
                deployment.model_dump_json(),
                command.model_dump_json(),
                *changes.entry("deployment", deployment.id),
            ],
        )
        return int(answer) == 1

    async def _end(self, part: Part, state: str, *stop: Argument) -> None:
        arguments = [part.member, state, _ROLLING, *(stop or ("", 0, 0, _STOPPED))]
        await self._lease.run(scripts.END_TURN, _names(part), arguments)


def _names(part: Part) -> list[str]:
    return [keys.rolling(part.rollout_id, part.what), keys.turns(part.rollout_id)]


def _by_host(member: str) -> tuple[str, str]:
    target, _, host = member.rpartition("@")
    return host, target
