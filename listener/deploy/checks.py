"""What is proven or run around a swap: preflight, release, and commands inside the containers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from listener.deploy.outcomes import Done, Faulted, Healthy, Outcome, Sick, SickKind
from listener.deploy.progress import ActProgress
from listener.deploy.watch import watch
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError
from listener.drivers.probes import Probes
from listener.drivers.stage import StartError
from listener.drivers.twin import Twin
from listener.model.base import format_duration
from listener.model.journal import Journal
from listener.model.target import Health

_RELEASE_WITHIN = 600.0
_COMMAND_WITHIN = 300.0
_LOOK_EVERY = 0.5
_LONGEST_SHOWN = 300


class Checks:
    """The acts between the pull and the swap, and the commands around it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._twin = Twin(engine)

    async def preflight(self, journal: Journal, progress: ActProgress) -> Outcome:
        """Lets a twin of the new image prove itself, without ports and where nobody finds it."""
        settings, lacks = journal.target.settings.health, ""
        if (settings.http or settings.tcp) and not self._twin.has_address(journal):
            settings = settings.model_copy(update={"http": None, "tcp": None})
            lacks = "; it has no network, so nothing was asked at its address"
        probes = Probes(self._engine, settings)
        try:
            baseline = await self._twin.prove(journal)
        except StartError as problem:
            return await self._sick(journal, "start_error", f"preflight: {problem}")
        verdict = await watch(
            lambda: self._twin.inspect(journal),
            probes,
            settings,
            baseline,
            tell=progress.proof,
        )
        if verdict.kind != "healthy":
            return await self._sick(journal, verdict.kind, f"preflight: {verdict.reason}")
        await self._twin.remove(journal)
        return Healthy(f"a twin was {verdict.reason}{lacks}")

    async def release(self, journal: Journal) -> Outcome:
        """Runs the target's release command once, in the new image, to exit 0."""
        command = journal.target.settings.release or ()
        said = " ".join(command)
        try:
            await self._twin.run(journal, command)
        except StartError as problem:
            return await self._sick(journal, "release", f"release command {said} {problem}")
        try:
            async with asyncio.timeout(_RELEASE_WITHIN):
                code = await self._exit_code(journal)
        except TimeoutError:
            reason = f"release command {said} did not end within {format_duration(_RELEASE_WITHIN)}"
            return await self._sick(journal, "release", reason)
        if code is None:
            return Faulted(f"the container of the release command {said} was removed by someone")
        if code != 0:
            reason = f"release command {said} exited with code {code}"
            return await self._sick(journal, "release", reason)
        # Its container goes with the next act, which is saved first: it is never run again.
        return Done(f"{said} exited with code 0")

    async def command(self, container: str, command: Sequence[str], when: str) -> Outcome:
        """Runs a command of the target's lifecycle inside one of its containers."""
        said = " ".join(command)
        try:
            code, output = await self._engine.exec(container, command, _COMMAND_WITHIN)
        except EngineError as problem:
            return Faulted(f"{when} command {said} could not be run: {problem}")
        if code is None:
            within = format_duration(_COMMAND_WITHIN)
            return Faulted(f"{when} command {said} did not end within {within}")
        if code != 0:
            told = f": {output[-_LONGEST_SHOWN:].strip()}" if output.strip() else ""
            return Faulted(f"{when} command {said} exited with code {code}{told}")
        return Done(f"{said} exited with code 0")

    async def _exit_code(self, journal: Journal) -> int | None:
        while True:
            inspect = await self._twin.inspect(journal)
            if inspect is None:
                return None
            if inspect["State"].get("Status") in ("exited", "dead"):
                return int(inspect["State"].get("ExitCode", 0))
            await asyncio.sleep(_LOOK_EVERY)

    async def _sick(self, journal: Journal, kind: SickKind, reason: str) -> Sick:
        inspect = await self._twin.inspect(journal)
        logs = await self._twin.logs(inspect["Id"]) if inspect else ()
        return Sick(kind, reason, logs)


def drain(settings: Health, seconds: float) -> Health:
    """How the new container is watched while the old one finishes what it began."""
    return settings.model_copy(update={"settle": seconds})
