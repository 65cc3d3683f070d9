"""``listener hosts``: the workers, and forgetting one that is gone for good."""

from __future__ import annotations

from urllib.parse import quote

import click

from listener.cli.client import call, fetch
from listener.cli.phrases import ago, or_dash
from listener.cli.reading import as_json, print_json
from listener.cli.session import shared_options
from listener.cli.tables import print_table


@click.command()
@click.option("--forget", metavar="NAME", help="Remove all that is kept of a host that is gone.")
@as_json
@shared_options
def hosts(forget: str | None, as_json: bool) -> None:
    """The workers: engine, alive or not, when last seen, what runs and what waits."""
    if forget is not None:
        done = call(lambda client: client.delete(f"hosts/{quote(forget, safe='')}"))
        if as_json:
            print_json(done)
        else:
            click.echo(f"{done['host']} is forgotten, with its history")
        return
    answer = fetch("hosts")
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            entry["name"],
            "yes" if entry["alive"] else "no",
            or_dash(entry["engine_version"]),
            ago(entry["last_seen"]),
            str(len(entry["running"])),
            str(entry["queue_depth"]),
        )
        for entry in answer["hosts"]
    ]
    print_table(("HOST", "ALIVE", "ENGINE", "SEEN", "RUNNING", "QUEUED"), rows)
