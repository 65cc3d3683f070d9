"""The verbs that show: each one call to the API, as a table or with ``--json`` as it came."""

from __future__ import annotations

import json
from urllib.parse import quote

import click

from listener.cli.client import Json, fetch
from listener.cli.phrases import (
    NOTHING,
    at,
    between,
    clock,
    image,
    or_dash,
    short_digest,
)
from listener.cli.session import shared_options
from listener.cli.tables import print_fields, print_table, printable

as_json = click.option("--json", "as_json", is_flag=True, help="Write the API's JSON instead.")
_limit = click.option(
    "--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most."
)


def print_json(value: Json) -> None:
    """Writes JSON for people and programs alike."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@click.command()
@as_json
@shared_options
def targets(as_json: bool) -> None:
    """What is deployed where, in full."""
    answer = fetch("targets")
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            entry["name"],
            entry["host"],
            entry["driver"],
            entry["state"],
            entry["health"],
            image(entry),
            or_dash(entry["policy"]),
            short_digest(entry["digest"]),
            short_digest(entry["last_good_digest"]),
            or_dash(entry.get("reason")),
        )
        for entry in answer["targets"]
    ]
    headers = (
        "TARGET",
        "HOST",
        "DRIVER",
        "STATE",
        "HEALTH",
        "IMAGE",
        "FOLLOWS",
        "DIGEST",
        "LAST-GOOD",
        "REASON",
    )
    print_table(headers, rows)


@click.command()
@click.argument("target", required=False)
@click.option("--state", metavar="STATE", help="Only deployments in this state.")
@click.option("--before", metavar="ID", help="Only deployments older than this one.")
@_limit
@as_json
@shared_options
def history(
    target: str | None, state: str | None, before: str | None, limit: int, as_json: bool
) -> None:
    """Deployments, newest first, of TARGET or of all."""
    query = {"target": target, "state": state, "before": before, "limit": limit}
    answer = fetch("deployments", query)
    if as_json:
        print_json(answer)
        return
    rows = [
        (
            entry["id"],
            entry["target"],
            entry["host"],
            entry["trigger"],
            entry["state"],
            or_dash(entry["tag"]),
            short_digest(entry["to_digest"]),
            between(entry["started_at"], entry["finished_at"]),
            or_dash(entry["reason"]),
        )
        for entry in answer["deployments"]
    ]
    print_table(
        ("ID", "TARGET", "HOST", "TRIGGER", "STATE", "TAG", "DIGEST", "TOOK", "REASON"),
        rows,
    )


@click.command()
@click.argument("id")
@as_json
@shared_options
def show(id: str, as_json: bool) -> None:
    """One deployment: its steps, the plan of a dry run, the last lines of what failed."""
    entry = fetch(f"deployments/{quote(id, safe='')}")
    if as_json:
        print_json(entry)
        return
    print_deployment(entry)


@click.command()
@click.argument("id")
@as_json
@shared_options
def logs(id: str, as_json: bool) -> None:
    """The last lines of the container that failed in the deployment ID."""
    entry = fetch(f"deployments/{quote(id, safe='')}")
    if as_json:
        print_json({"id": entry["id"], "logs": entry["logs"]})
        return
    if not entry["logs"]:
        click.echo(
            f"{id} is {entry['state']}: no container failed in it, or it said nothing", err=True
        )
    for line in entry["logs"]:
        click.echo(printable(line))


def print_deployment(entry: Json) -> None:
    """One deployment in full."""
    gap = entry["gap_seconds"]
    print_fields(
        [
            ("id", entry["id"]),
            ("target", f"{entry['target']}@{entry['host']}"),
            ("state", entry["state"]),
            ("reason", or_dash(entry["reason"])),
            ("trigger", entry["trigger"]),
            ("image", image(entry)),
            ("revision", or_dash(entry["source"] and entry["source"]["revision"])),
            ("from", or_dash(entry["from_digest"])),
            ("to", or_dash(entry["to_digest"])),
            ("queued", at(entry["queued_at"])),
            ("started", at(entry["started_at"])),
            ("finished", at(entry["finished_at"])),
            ("took", between(entry["started_at"], entry["finished_at"])),
            ("gap", NOTHING if gap is None else clock(gap)),
        ]
    )
    if entry["steps"]:
        click.echo()
        rows = [
            (
                step["name"],
                at(step["started_at"]),
                between(step["started_at"], step["finished_at"]),
                or_dash(step["detail"]),
            )
            for step in entry["steps"]
        ]
        print_table(("STEP", "STARTED", "TOOK", "DETAIL"), rows)
    print_plan(entry)
    if entry.get("logs"):
        click.echo("\nlast lines of the container that failed:")
        for line in entry["logs"]:
            click.echo(f"  {printable(line)}")


def print_plan(entry: Json) -> None:
    """What a dry run says that a deployment would do; nothing for any other."""
    if entry["plan"]:
        click.echo("\nwhat the deployment would do:")
    for line in entry["plan"]:
        click.echo(f"  {printable(line)}")


@click.command()
@click.option("--all", "all_", is_flag=True, help="Every request to a hook, refused ones too.")
@click.option("--hook", metavar="NAME", help="With --all: only those to this hook.")
@_limit
@as_json
@shared_options
def pushes(all_: bool, hook: str | None, limit: int, as_json: bool) -> None:
    """What registries sent, newest first, and which targets it matched."""
    if hook and not all_:
        raise click.UsageError("--hook narrows --all: give both")
    query = {"limit": limit, "hook": hook}
    answer = fetch("deliveries" if all_ else "pushes", query)
    if as_json:
        print_json(answer)
    elif all_:
        _print_deliveries(answer["deliveries"])
    else:
        _print_pushes(answer["pushes"])


def _print_pushes(found: list[Json]) -> None:
    rows = [
        (
            entry["id"],
            at(entry["received_at"]),
            entry["hook"],
            image(entry),
            short_digest(entry["digest"]),
            or_dash(entry["actor"]),
            ", ".join(entry["targets"]) or NOTHING,
        )
        for entry in found
    ]
    print_table(("ID", "RECEIVED", "HOOK", "IMAGE", "DIGEST", "ACTOR", "TARGETS"), rows)


def _print_deliveries(found: list[Json]) -> None:
    rows = [
        (
            entry["id"],
            at(entry["received_at"]),
            or_dash(entry["hook"]),
            str(entry["code"]),
            entry["outcome"],
            str(len(entry["pushes"])),
            f"{entry['milliseconds']:.1f}",
            or_dash(entry["peer"]),
            or_dash(entry["reason"]),
        )
        for entry in found
    ]
    headers = ("ID", "RECEIVED", "HOOK", "CODE", "OUTCOME", "PUSHES", "MS", "FROM", "REASON")
    print_table(headers, rows)
