"""``listener status``: how everything stands, in 80 columns."""

from __future__ import annotations

import textwrap
from collections import Counter

import click

from listener.cli.client import Client, Json, call
from listener.cli.phrases import NOTHING, away, or_dash, rough, seconds_since, short_digest
from listener.cli.reading import as_json, print_json
from listener.cli.session import shared_options
from listener.cli.tables import print_table, printable

_WIDTH = 80
_HEADERS = ("TARGET", "STATE", "HEALTH", "TAG", "DIGEST", "LAST")
_TROUBLE = {"failed", "rolled_back", "rollback_failed"}


@click.command()
@as_json
@shared_options
def status(as_json: bool) -> None:
    """How all targets stand, and what needs a person."""
    answer = call(_everything)
    if as_json:
        print_json(answer)
        return
    targets, hosts = answer["targets"], answer["hosts"]
    click.echo(_summary(targets, hosts))
    if targets:
        several = len({entry["host"] for entry in targets}) > 1
        print_table(_HEADERS, [_row(entry, several) for entry in targets], width=_WIDTH)
    for sentence in _notes(targets, hosts):
        click.echo(textwrap.fill(printable(sentence), _WIDTH, subsequent_indent="  "))


async def _everything(client: Client) -> Json:
    targets, hosts = await client.get("targets"), await client.get("hosts")
    return {**targets, **hosts}


def _summary(targets: list[Json], hosts: list[Json]) -> str:
    if not targets:
        return (
            f"no targets on {_count(len(hosts), 'host')}: label a container listener.enable=true "
            "\nor name it under targets: in the configuration"
        )
    states = Counter(entry["state"] for entry in targets if entry["state"] != "idle")
    busy = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    total = f"{_count(len(targets), 'target')} on {_count(len(hosts), 'host')}"
    return f"{total}: {busy or 'all idle'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _row(entry: Json, several: bool) -> tuple[str, ...]:
    last = entry["last_deployment"]
    return (
        f"{entry['name']}@{entry['host']}" if several else entry["name"],
        entry["state"],
        entry["health"],
        or_dash(entry["tag"]),
        short_digest(entry["digest"]),
        _last(last) if last else NOTHING,
    )


def _last(last: Json) -> str:
    if not last["finished_at"]:
        return str(last["state"])
    return f"{last['state']} {rough(seconds_since(last['finished_at']))} ago"


def _notes(targets: list[Json], hosts: list[Json]) -> list[str]:
    """A sentence for everything that a person should look at."""
    notes = []
    for entry in targets:
        name, last = entry["name"], entry["last_deployment"]
        if entry.get("reason"):
            notes.append(f"{name}: {entry['state']}: {entry['reason']}")
        if last and last["state"] in _TROUBLE:
            notes.append(f"{name}: {last['state']}: {or_dash(last['reason'])} ({last['id']})")
    known = {entry["host"] for entry in targets} | {entry["name"] for entry in hosts}
    return notes + [sentence for host in sorted(known) if (sentence := away(host, hosts))]
