"""``listener events``: every change as it happens, as lines or with ``--json`` as it came."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import click

from listener.cli.client import Client, Json, call
from listener.cli.exits import NotNow, Unreachable
from listener.cli.phrases import image, or_dash, short_digest
from listener.cli.reading import as_json
from listener.cli.session import shared_options
from listener.cli.tables import printable
from listener.model.base import rfc3339, utc_now

# A server that restarts in the middle is no reason to give up: the stream goes on where it was.
_PATIENCE = 30.0
_AGAIN_AFTER = 1.0


class Event(NamedTuple):
    """A server-sent event; `id` is where a reader may go on, where it is one."""

    kind: str
    data: Json
    id: str | None


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on until interrupted.")
@click.option("--since", metavar="ID", help="Begin with what came after this event.")
@as_json
@shared_options
def events(follow: bool, since: str | None, as_json: bool) -> None:
    """Every change of targets, deployments, pushes and hosts, a line each.

    Without --follow it ends when all that came after --since is told.

    \b
    Examples:
      listener events --follow
      listener events --follow --json | jq 'select(.event == "deployment") | .data.state'
    """
    if not follow and since is None:
        raise click.UsageError("give --follow, or --since ID for what was missed")
    call(lambda client: _tell(client, since, follow=follow, as_json=as_json))


async def _tell(client: Client, since: str | None, *, follow: bool, as_json: bool) -> None:
    answered = time.monotonic()
    while True:
        try:
            async for event in read_events(client.lines("events", since)):
                answered, since = time.monotonic(), event.id or since
                _write(event, as_json=as_json)
                if event.kind in ("ready", "reset") and not follow:
                    return
        except (NotNow, Unreachable):
            if not follow or time.monotonic() - answered > _PATIENCE:
                raise
        await asyncio.sleep(_AGAIN_AFTER)


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """The events of a stream's lines; comments and what is no JSON object are left out."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "event" in fields:
            data = json.loads(fields.get("data", "{}"))
            if isinstance(data, dict):
                yield Event(fields["event"], data, fields.get("id"))
            fields = {}
        else:
            fields = {}


def _write(event: Event, *, as_json: bool) -> None:
    if as_json:
        shown = {"event": event.kind, "id": event.id, "data": event.data}
        click.echo(json.dumps(shown, ensure_ascii=False))
    elif sentence := _sentence(event.kind, event.data):
        click.echo(f"{rfc3339(utc_now())} {printable(sentence)}")


def _sentence(kind: str, data: Json) -> str | None:
    match kind:
        case "target":
            what = f"{data['state']}, {data['health']}, {short_digest(data['digest'])}"
            return f"target {data['name']}@{data['host']}: {what}"
        case "deployment":
            reason = f": {data['reason']}" if data["reason"] else ""
            return f"deployment {data['id']} of {data['target']}: {data['state']}{reason}"
        case "push":
            matched = ", ".join(data["targets"]) or "no target"
            return f"push {image(data)} {short_digest(data['digest'])} for {matched}"
        case "host":
            return f"host {data['name']}: {'alive' if data.get('alive') else 'away'}"
        case "target_removed" | "host_removed":
            return f"{kind.removesuffix('_removed')} {or_dash(data.get('name'))} is gone"
        case "reset":
            return "what came before cannot be told any more"
    return None
