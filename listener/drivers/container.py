"""Swaps one plain container: every verb is an *ensure* that may be repeated after a kill.

Rename before stop, then stop and start back to back: the time in which a kill leaves nobody
serving shrinks to two calls. The container that ran before is only ever renamed and stopped, and
removed when the new one has proven itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from listener.drivers.clone import CloneError, Setting, Snapshot, plan_clone
from listener.drivers.current import CannotSwapError, baseline_of
from listener.drivers.difference import unexplained
from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, EngineError, NotFound
from listener.drivers.names import parked_name
from listener.faults import fault_point
from listener.model.journal import Baseline, Journal, NewContainer, OldContainer

_ENGINE_PATIENCE = 10


class ReplacedError(Exception):
    """Someone else put another container in the target's place."""


class StartError(Exception):
    """The new container did not start; the message is the engine's."""


class ContainerDriver:
    """The verbs of a swap on one engine.

    All raise EngineAway where the engine gives no answer; the verb may then be repeated.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def move_tag(self, reference: str, image_id: str) -> None:
        """Makes the local tag mean the new image; a reference by digest has none to move."""
        if "@" not in reference:
            await self._engine.tag_image(image_id, *split_tag(reference))

    async def create(self, journal: Journal) -> tuple[str, tuple[str, ...]]:
        """Creates the new container beside the old one and compares it with the plan.

        Answers its id and the engine's warnings. Raises CannotSwapError where the engine refuses
        or made something else than was planned; what was made is removed by `discard`.
        """
        old, new = _parts(journal)
        name = parked_name(old.name, "new", journal.deployment.id)
        await self._engine.remove(name, volumes=True, force=True)
        before = Snapshot(old.inspect, old.image_config)
        setting = Setting(
            self._engine.api,
            cgroup_v2=self._engine.cgroup_v2,
            images={old.image_id: new.image_id},
        )
        try:
            clone = plan_clone(before, new.reference, setting)
            container_id, warnings = await self._engine.create_container(name, clone.body)
            for network, endpoint in clone.networks.items():
                await self._engine.connect_network(network, container_id, endpoint)
            inspect = await self._engine.inspect_container(container_id)
            image = await self._engine.inspect_image(new.image_id)
        except (CloneError, EngineError) as problem:
            raise CannotSwapError(f"the new container could not be created: {problem}") from None
        if inspect["Image"] != new.image_id:
            raise CannotSwapError(
                f"someone moved {new.reference} on this engine while the container was created"
            )
        made = Snapshot(inspect, image.get("Config") or {})
        differences = unexplained(clone, before, made, setting)
        if differences:
            raise CannotSwapError(
                "the engine made another container than planned; it differs in "
                + ", ".join(differences)
            )
        return container_id, (*clone.notes, *warnings)

    async def cut_over(self, journal: Journal) -> tuple[Baseline, float | None] | None:
        """Gives the new container the name, stops the old one, starts the new one.

        Answers what its health is judged against and the gap in seconds as the engine's own
        clock shows it; None where the old one did not run and so the new one stays stopped.
        Raises StartError, or CannotSwapError with the old one still in place.
        """
        old, new = _parts(journal)
        current = await self._find(old.id)
        fresh = await self._find(new.id or "")
        if fresh is None:
            raise CannotSwapError("the new container was removed by someone else before it started")
        if current is not None and _name(current) == old.name:
            await self._move_away(current, parked_name(old.name, "old", journal.deployment.id))
        fault_point("freed")
        if _name(fresh) != old.name:
            await self._take_name(fresh["Id"], old.name)
        fault_point("named")
        if not old.was_running:
            return None
        if current is not None and current["State"].get("Running"):
            await self._engine.stop(old.id, _patience(current))
        fault_point("stopping")
        try:
            await self._engine.start(fresh["Id"])
        except EngineError as problem:
            raise StartError(await self._start_error(fresh["Id"], problem)) from None
        fault_point("started")
        # It was created for this: a restart that is counted already is one of a loop.
        now = await baseline_of(self._engine, fresh["Id"])
        baseline = now.model_copy(update={"restart_count": 0})
        return baseline, await self._gap(old.id, baseline)

    async def disarm(self, journal: Journal) -> None:
        """Keeps the engine from starting the parked container after a reboot."""
        old, _ = _parts(journal)
        try:
            await self._engine.update_restart_policy(old.id, {"Name": "no"})
        except NotFound:
            return

    async def inspect_new(self, journal: Journal) -> dict[str, Any] | None:
        """The new container as it is now; None where someone removed it.

        Raises ReplacedError where another container has its place.
        """
        old, new = _parts(journal)
        inspect = await self._find(new.id or "")
        if inspect is None:
            await self._ensure_vacant(old.name, journal)
        return inspect

    async def inspect_old(self, journal: Journal) -> dict[str, Any] | None:
        """The container that ran before, as it is now; None where it was removed."""
        old, _ = _parts(journal)
        return await self._find(old.id)

    async def logs(self, container: str) -> tuple[str, ...]:
        """The last 100 lines; a sentence where its log driver cannot be read."""
        try:
            return tuple(await self._engine.logs(container, tail=100))
        except EngineError as problem:
            return (f"its log cannot be read: {problem}",)

    async def remove_old(self, journal: Journal) -> None:
        """Removes the container that ran before; its volumes stay."""
        old, _ = _parts(journal)
        await self._engine.remove(old.id, volumes=False, force=True)

    async def discard(self, journal: Journal) -> None:
        """Takes back all that was done beside the old container, which was never touched."""
        old, _ = _parts(journal)
        name = parked_name(old.name, "new", journal.deployment.id)
        await self._engine.remove(name, volumes=True, force=True)
        await self._put_back_tag(journal)

    async def revert(self, journal: Journal) -> None:
        """Brings back the very container that ran before, under its own name.

        Raises CannotSwapError where it is gone, or its name is taken by a stranger.
        """
        old, new = _parts(journal)
        current = await self._find(old.id)
        if current is None:
            raise CannotSwapError(f"container {old.id[:12]} that ran before was removed by someone")
        fresh = await self._find(new.id or "")
        if fresh is not None and _name(fresh) == old.name:
            await self._move_away(fresh, parked_name(old.name, "bad", journal.deployment.id))
        fault_point("unnamed")
        if _name(current) != old.name:
            await self._take_name(old.id, old.name)
        fault_point("renamed")
        await self._put_back_tag(journal)
        policy = old.inspect["HostConfig"].get("RestartPolicy") or {}
        await self._engine.update_restart_policy(
            old.id, {**policy, "Name": policy.get("Name") or "no"}
        )
        fault_point("restored")
        if fresh is not None and fresh["State"].get("Status") != "created":
            await self._engine.stop(fresh["Id"], _patience(fresh))
        fault_point("unstarted")
        if old.was_running:
            try:
                await self._engine.start(old.id)
            except EngineError as problem:
                raise CannotSwapError(await self._start_error(old.id, problem)) from None

    async def remove_bad(self, journal: Journal) -> None:
        """Removes the container that failed, with the volumes that were made for it alone."""
        _, new = _parts(journal)
        if new.id:
            await self._engine.remove(new.id, volumes=True, force=True)

    async def baseline_of_old(self, journal: Journal) -> Baseline:
        """What the health of the container that came back is judged against."""
        old, _ = _parts(journal)
        return await baseline_of(self._engine, old.id)

    async def _gap(self, before: str, baseline: Baseline) -> float | None:
        """Seconds between the end of one container and the start of the other."""
        inspect = await self._find(before)
        if inspect is None:
            return None
        return _seconds_between(inspect["State"].get("FinishedAt"), baseline.started_at)

    async def _put_back_tag(self, journal: Journal) -> None:
        old, new = _parts(journal)
        if "@" in new.reference or not new.image_id:
            return
        try:
            now = (await self._engine.inspect_image(new.reference))["Id"]
        except NotFound:
            now = new.image_id
        if now != new.image_id:
            return  # someone else moved it meanwhile: theirs stays
        before = new.tag_before
        if before == new.image_id and new.reference == old.inspect["Config"]["Image"]:
            before = old.image_id  # someone had pulled the new one already
        if before is None:
            await self._engine.untag(new.reference)
            return
        try:
            await self._engine.tag_image(before, *split_tag(new.reference))
        except NotFound:
            await self._engine.untag(new.reference)

    async def _move_away(self, inspect: Mapping[str, Any], name: str) -> None:
        try:
            await self._engine.rename(inspect["Id"], name)
        except Conflict:
            raise
        except EngineError:
            # Between two tries of a restart loop the engine takes a container for running and
            # misses its network ("sandbox not found"). It serves nobody: stop it first.
            await self._engine.stop(inspect["Id"], _patience(inspect))
            await self._engine.rename(inspect["Id"], name)

    async def _take_name(self, container: str, name: str) -> None:
        try:
            await self._engine.rename(container, name)
        except Conflict as problem:
            raise CannotSwapError(f"another container took the name {name}: {problem}") from None

    async def _ensure_vacant(self, name: str, journal: Journal) -> None:
        stranger = await self._find(name)
        old, _ = _parts(journal)
        if stranger is not None and stranger["Id"] != old.id:
            raise ReplacedError(
                f"someone else put container {stranger['Id'][:12]} in the place of {name}"
            )

    async def _start_error(self, container: str, problem: EngineError) -> str:
        inspect = await self._find(container)
        state = inspect["State"] if inspect else {}
        return f"did not start: {state.get('Error') or problem}"

    async def _find(self, ref: str) -> dict[str, Any] | None:
        if not ref:
            return None
        try:
            return await self._engine.inspect_container(ref)
        except NotFound:
            return None


def _parts(journal: Journal) -> tuple[OldContainer, NewContainer]:
    if journal.old is None or journal.new is None:
        raise ValueError(f"deployment {journal.deployment.id} has no plan yet")
    return journal.old, journal.new


def split_tag(reference: str) -> tuple[str, str]:
    """Repository and tag as a user spelled them; no tag means ``latest``."""
    head, slash, last = reference.rpartition("/")
    repository, _, tag = last.partition(":")
    return f"{head}{slash}{repository}", tag or "latest"


def _name(inspect: Mapping[str, Any]) -> str:
    return str(inspect["Name"]).removeprefix("/")


def _patience(inspect: Mapping[str, Any]) -> int:
    own = (inspect.get("Config") or {}).get("StopTimeout")
    return _ENGINE_PATIENCE if own is None else int(own)


def _seconds_between(finished: str | None, started: str) -> float | None:
    """Between two of the engine's own times; None where the first never came."""
    if not finished or finished.startswith("0001-"):
        return None
    gap = datetime.fromisoformat(started) - datetime.fromisoformat(finished)
    return max(0.0, gap.total_seconds())
