"""The verbs that stay: `run`, `serve` and `work`."""

from __future__ import annotations

import signal
import sys
from typing import Literal

import click

from listener.cli.session import session, shared_options

_Role = Literal["serve", "work"]


@click.command()
@shared_options
def run() -> None:
    """Everything in one process: hooks, worker and admin port."""
    _stay({"serve", "work"})


@click.command()
@shared_options
def serve() -> None:
    """The half that registries call; never opens the Docker socket."""
    _stay({"serve"})


@click.command()
@shared_options
def work() -> None:
    """The half with the Docker socket; no port for registries."""
    _stay({"work"})


def _stay(roles: set[_Role]) -> None:
    # Until there is something to end in order; as the first process of a container nothing else
    # would end it at all.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    current = session()
    settings = current.settings()
    from listener.app import main_loop

    click.get_current_context().exit(main_loop(settings, frozenset(roles), current.config_path()))
