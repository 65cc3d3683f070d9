"""The verbs that change something: each one command to the API, followed with ``--wait``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import click

from listener.cli.client import Client, Json, call, target_path
from listener.cli.follow import follow
from listener.cli.phrases import away
from listener.cli.quantities import DURATION
from listener.cli.reading import as_json, print_json
from listener.cli.session import shared_options

Command = TypeVar("Command", bound=Callable[..., Any])
_wait = click.option("--wait", is_flag=True, help="Follow it to its end; exit 1 if it fails.")
_wait_timeout = click.option(
    "--wait-timeout",
    type=DURATION,
    metavar="DURATION",
    default="30m",
    show_default=True,
    help="Stop waiting then; the deployment goes on.",
)


class _How(TypedDict):
    wait: bool
    wait_timeout: float
    as_json: bool


def _followed(command: Command) -> Command:
    for option in (shared_options, as_json, _wait_timeout, _wait):
        command = option(command)
    return command


@click.command()
@click.argument("target")
@click.option("--tag", metavar="TAG", help="Deploy this tag instead of what it follows.")
@click.option("--digest", metavar="DIGEST", help="Deploy exactly this digest.")
@click.option(
    "--force", is_flag=True, help="Deploy even what already runs; waits for no approval or window."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@_followed
def deploy(
    target: str,
    tag: str | None,
    digest: str | None,
    force: bool,
    dry_run: bool,
    **how: Unpack[_How],
) -> None:
    """Deploy TARGET now: the newest image of its tag, or what the options name."""
    if tag and digest:
        raise click.UsageError("give --tag or --digest, not both: a digest is one image already")
    body = {"tag": tag, "digest": digest, "force": force, "dry_run": dry_run}
    _order(target, "deploy", body, how)


@click.command()
@click.argument("target")
@click.option("--to", "digest", metavar="DIGEST", help="Back to this digest.")
@_followed
def rollback(target: str, digest: str | None, **how: Unpack[_How]) -> None:
    """Take TARGET back to the last good digest before the running one."""
    _order(target, "rollback", {"digest": digest}, how)


def _order(target: str, verb: str, body: Json, how: _How) -> None:
    async def work(client: Client) -> None:
        queued = await client.post(f"{target_path(target)}/{verb}", _given(body))
        at_once = verb == "rollback" or bool(body.get("dry_run"))
        for obstacle in await _obstacles(client, target, at_once=at_once):
            click.echo(f"listener: {obstacle}", err=True)
        if how["wait"]:
            await follow(client, queued["id"], how["wait_timeout"], as_json=how["as_json"])
        elif how["as_json"]:
            print_json(queued)
        else:
            click.echo(f"{queued['id']} queued; `listener show {queued['id']}` tells how it goes")

    call(work)


async def _obstacles(client: Client, target: str, *, at_once: bool) -> list[str]:
    """Why what was just queued does not begin yet; what begins `at_once` minds no pause."""
    (view,) = (await client.get(target_path(target)))["targets"]
    gone = away(view["host"], (await client.get("hosts"))["hosts"])
    found = [f"{gone}: the deployment begins when it is back"] if gone else []
    if view["state"] == "paused" and not at_once:
        found.append(f"{view['name']} is paused: the deployment waits for `listener resume`")
    return found


@click.command()
@click.argument("target")
@click.option("--reason", metavar="TEXT", help="What the others should know.")
@shared_options
def pause(target: str, reason: str | None) -> None:
    """Let TARGET take no deployments until it is resumed."""
    body = _given({"reason": reason})
    done = call(lambda client: client.post(f"{target_path(target)}/pause", body))
    click.echo(f"{done['target']} on {done['host']} is paused: {done['reason']}")


@click.command()
@click.argument("target")
@shared_options
def resume(target: str) -> None:
    """Let TARGET take deployments again."""
    done = call(lambda client: client.post(f"{target_path(target)}/resume"))
    click.echo(f"{done['target']} on {done['host']} takes deployments")


@click.command()
@click.argument("id")
@shared_options
def approve(id: str) -> None:
    """Let the deployment ID begin, which waits for approval."""
    done = call(lambda client: client.post(f"deployments/{quote(id, safe='')}/approve"))
    click.echo(f"{done['id']} is approved; `listener show {done['id']}` tells how it goes")


@click.command()
@click.argument("id")
@shared_options
def cancel(id: str) -> None:
    """Cancel the deployment ID while it has not begun to swap."""
    path = f"deployments/{quote(id, safe='')}/cancel"
    done = call(lambda client: client.post(path))
    click.echo(f"{done['id']}: its worker is asked to cancel it")


@click.command()
@click.argument("id")
@as_json
@shared_options
def replay(id: str, as_json: bool) -> None:
    """Do the push ID over, or all that one delivery brought (see `pushes --all`).

    Writes the ids of the new pushes, a line each.
    """
    done = call(lambda client: client.post(f"pushes/{quote(id, safe='')}/replay"))
    if as_json:
        print_json(done)
    else:
        click.echo("\n".join(done["pushes"]))


def _given(body: Json) -> Json:
    return {name: value for name, value in body.items() if value not in (None, False)}
