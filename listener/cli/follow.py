"""``--wait``: follows one deployment to its end.

On a terminal its steps stand in place with a running clock; piped, each change is a line. The end
is returned only where the target runs what was asked for, else it is `Failed`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

import click

from listener.cli.client import Client, Json
from listener.cli.exits import Failed, NotNow, Unreachable
from listener.cli.phrases import between, clock, or_dash, seconds_since, seconds_until, short_digest
from listener.cli.reading import print_json, print_plan
from listener.cli.tables import on_terminal, printable, style_of
from listener.model.base import rfc3339, utc_now
from listener.model.deployment import State

if TYPE_CHECKING:
    from rich.console import RenderableType

_POLL = 0.5
# A server that restarts in the middle is no reason to give up; the deployment is in Redis.
_PATIENCE = 30.0


class _Watcher(Protocol):
    def see(self, entry: Json) -> None: ...

    def close(self) -> None: ...


async def follow(client: Client, id: str, timeout: float, *, as_json: bool) -> None:
    """Shows a deployment until it ends; with `as_json` writes only its end.

    Raises Failed where it ends otherwise than asked or outlasts `timeout`, and Unreachable where
    the server stays away.
    """
    watcher: _Watcher = _Silent() if as_json else _Live() if on_terminal() else _Lines()
    try:
        entry = await _to_the_end(client, id, timeout, watcher)
    finally:
        watcher.close()
    if as_json:
        print_json(entry)
    else:
        print_plan(entry)
    if not _as_asked(entry):
        raise Failed(f"{id} {entry['state']}: {printable(or_dash(entry['reason']))}")


async def _to_the_end(client: Client, id: str, timeout: float, watcher: _Watcher) -> Json:
    deadline = time.monotonic() + timeout
    answered = time.monotonic()
    state = "queued"
    while True:
        try:
            entry = await client.get(f"deployments/{id}")
        except (NotNow, Unreachable):
            if time.monotonic() - answered > _PATIENCE:
                raise
        else:
            answered, state = time.monotonic(), entry["state"]
            watcher.see(entry)
            if State(state).final:
                return entry
        if time.monotonic() >= deadline:
            raise Failed(f"{id} is still {state} after {clock(timeout)}; it goes on")
        await asyncio.sleep(_POLL)


def _as_asked(entry: Json) -> bool:
    """Skipped because it runs already is as good as deployed; a dry run has to come to a plan."""
    if entry["plan"]:
        return True
    if entry["state"] == State.SKIPPED.value:
        return entry["to_digest"] is not None and entry["to_digest"] == entry["from_digest"]
    return bool(entry["state"] == State.SUCCEEDED.value)


class _Silent:
    def see(self, entry: Json) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines:
    """One line for each state and each step that ended."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._done = 0

    def see(self, entry: Json) -> None:
        ended = [step for step in entry["steps"] if step["finished_at"]]
        for step in ended[self._done :]:
            detail = f": {step['detail']}" if step["detail"] else ""
            self._say(f"{step['name']} {between(step['started_at'], step['finished_at'])}{detail}")
        self._done = max(self._done, len(ended))
        if entry["state"] != self._state:
            self._state = entry["state"]
            reason = f": {entry['reason']}" if entry["reason"] else ""
            self._say(f"{entry['state']}{reason}")

    def close(self) -> None:
        pass

    def _say(self, text: str) -> None:
        click.echo(f"{rfc3339(utc_now())} {printable(text)}")


class _Live:
    """The steps in place, the running one with its clock."""

    def __init__(self) -> None:
        from rich.live import Live

        self._entry: Json | None = None
        self._live = Live(get_renderable=self._picture, refresh_per_second=8)
        self._live.start()

    def see(self, entry: Json) -> None:
        self._entry = entry

    def close(self) -> None:
        self._live.stop()

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        entry = self._entry
        if entry is None:
            return Text("queued", style=style_of("queued"))
        steps = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for _ in range(3):
            steps.add_column(no_wrap=True, overflow="ellipsis")
        for step in entry["steps"]:
            running = step["finished_at"] is None
            took = (
                clock(seconds_since(step["started_at"]))
                if running
                else between(step["started_at"], step["finished_at"])
            )
            steps.add_row(
                Text(f"{'>' if running else ' '} {step['name']}", style="bold" if running else ""),
                Text(took),
                Text(printable(step["detail"] or "")),
            )
            for name, how in _progress(step) if running else ():
                steps.add_row(Text(f"    {name}", style="dim"), Text(""), Text(how, style="dim"))
        head = Text(f"{entry['target']}@{entry['host']} ")
        head.append(entry["state"], style=style_of(entry["state"]))
        head.append(f" {short_digest(entry['from_digest'])} > {short_digest(entry['to_digest'])}")
        if entry["reason"]:
            head.append(f": {printable(entry['reason'])}")
        return Group(head, steps)


def _progress(step: Json) -> list[tuple[str, str]]:
    """How far a step under way is: a row for each layer of a pull, or one for the health."""
    progress = step.get("progress") or {}
    rows = [
        (str(layer["id"])[:12], _of(layer["status"], layer["current"], layer["total"]))
        for layer in progress.get("layers", ())
    ]
    if health := progress.get("health"):
        rows.append(("health", _stands(health)))
    return rows


def _of(status: str, current: int | None, total: int | None) -> str:
    if not current or not total:
        return printable(status)
    return f"{printable(status)} {current / 1e6:.1f} of {total / 1e6:.1f} MB"


def _stands(health: Json) -> str:
    if health["settles_at"]:
        return f"good, has to stay so for {clock(seconds_until(health['settles_at']))}"
    said = f": {printable(health['said'])}" if health["said"] else ""
    return f"{clock(seconds_until(health['deadline']))} left{said}"
