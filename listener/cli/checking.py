"""``listener check``: one line for each thing that must be right, exit 1 where one is bad."""

from __future__ import annotations

import asyncio
from collections import Counter

import click

from listener.cli.checks import CheckLine, check_lines
from listener.cli.exits import Failed
from listener.cli.reading import as_json, print_json
from listener.cli.session import session, shared_options
from listener.cli.tables import on_terminal, printable, styled
from listener.config import Settings


@click.command()
@as_json
@shared_options
def check(as_json: bool) -> None:
    """Configuration, Redis, engine, registries, hooks and targets: is all as it must be?"""
    settings = session().settings()
    found = asyncio.run(_all(settings, show=not as_json))
    if as_json:
        print_json({"checks": [line._asdict() for line in found]})
    count = Counter(line.state for line in found)
    if count["bad"]:
        raise Failed(f"{count['bad']} of {len(found)} checks are bad")


async def _all(settings: Settings, *, show: bool) -> list[CheckLine]:
    found = []
    async for line in check_lines(settings):
        found.append(line)
        if show:
            state = styled(line.state) if on_terminal() else line.state
            padding = " " * (4 - len(line.state))
            click.echo(f"{state}{padding}  {line.subject}: {printable(line.text)}")
    return found
