"""``listener hooks test``: a hook is tried with a push that nobody made."""

from __future__ import annotations

import asyncio

import click

from listener.cli.access import Access
from listener.cli.client import Json, call, fetch
from listener.cli.exits import Failed, Unreachable, WrongUsage
from listener.cli.phrases import or_dash
from listener.cli.proofs import cannot_prove, proved
from listener.cli.reading import as_json, print_json
from listener.cli.session import checked_url, own_options, session, url_of
from listener.cli.tables import print_table, printable
from listener.cli.trial import Trial, image_of, read_image, send, work_out
from listener.model.reference import BadReference, Reference
from listener.web.arguments import did_you_mean
from listener.web.hooks import Door, Hooks


@click.command()
@click.argument("name")
@click.option("--target", metavar="TARGET", help="A push of what this target follows.")
@click.option("--image", metavar="REF", help="A push of this image instead of a target's.")
@click.option(
    "--url",
    "address",
    metavar="URL",
    help="Port of the hooks. Default: what `listen` says. The admin port is $LISTENER_URL here.",
)
@as_json
@own_options
def test(
    name: str, target: str | None, image: str | None, address: str | None, as_json: bool
) -> None:
    """Try the hook NAME: which targets would a push hit?

    Sends the sample of the hook's registry, proved with the hook's own secrets, for an image of
    yours. It is judged as any other, and stored nowhere. Exit 0 where it hits a target.
    """
    if target and image:
        raise click.UsageError("give either --target or --image")
    settings = session().settings()
    hooks = Hooks(settings)
    door = hooks.find(name)
    if door is None:
        raise WrongUsage(f"there is no hook {name!r}{did_you_mean(name, settings.hooks)}")
    server = checked_url(address or url_of(settings.listen.host, settings.listen.port))
    access = Access.of(name, door.hook, server)
    pushed = _wanted(door, hooks, target, image)
    obstacle = cannot_prove(access)
    if obstacle is None:
        request = proved(access, door.provider.sample_at(pushed, door.hook.places))
        trial = asyncio.run(send(request, access.url, server))
        note = f"sent to {server}, and stored nowhere"
    else:
        trial = _here(door, hooks, pushed)
        note = f"{obstacle}: nothing was sent, but its sample was read and matched here"
    told: Json = {
        "hook": name,
        "provider": door.hook.provider,
        "image": str(pushed),
        "note": note,
        "understood": trial.understood,
        "ignored": trial.ignored,
        "targets": trial.targets,
    }
    (print_json if as_json else _show)(told)
    if trial.away is not None:
        raise trial.away
    if not trial.targets and not trial.ignored:
        raise Failed("it is understood, but there are no targets")
    if not trial.hits:
        raise Failed("no target is hit")


def _wanted(door: Door, hooks: Hooks, target: str | None, image: str | None) -> Reference:
    """The image that the push is of."""
    if image is None:
        return call(lambda client: image_of(client, door, hooks, target))
    try:
        return read_image(image)
    except BadReference as problem:
        raise WrongUsage(f"--image: {problem}") from None


def _here(door: Door, hooks: Hooks, pushed: Reference) -> Trial:
    targets: list[Json] = []
    away = None
    try:
        targets = fetch("targets")["targets"]
    except Unreachable as problem:
        away = problem
    request = door.provider.sample_at(pushed, door.hook.places)
    return work_out(door, hooks, request, targets, away)


def _show(told: Json) -> None:
    click.echo(f"{told['hook']} ({told['provider']}): a push of {told['image']}\n{told['note']}")
    for image in told["understood"]:
        click.echo(f"understood: {printable(image)}")
    for one in told["ignored"]:
        click.echo(f"ignored: {printable(one['reason'])}")
    if told["targets"]:
        click.echo()
        rows = [
            (one["target"], "hit" if one["matches"] else "no", or_dash(one["reason"]))
            for one in told["targets"]
        ]
        print_table(("TARGET", "HIT", "REASON"), rows)
