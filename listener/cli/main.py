"""The entry of the ``listener`` command: which verbs there are, and how the program ends.

Exit codes: 0 done, 1 it did not succeed, 2 wrong usage or configuration, 3 the server cannot be
reached, 130 interrupted. A verb's module is imported when the verb is used: a server does not
load what draws tables, and a table does not load the engine's client.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from listener import __version__
from listener.cli.session import Session, shared_options

_VERBS = {
    "run": "serving",
    "serve": "serving",
    "work": "serving",
    "check": "checking",
    "hooks": "hooks",
    "status": "status",
    "targets": "reading",
    "history": "reading",
    "show": "reading",
    "logs": "reading",
    "events": "events",
    "pushes": "reading",
    "hosts": "hosts",
    "deploy": "acting",
    "rollback": "acting",
    "pause": "acting",
    "resume": "acting",
    "approve": "acting",
    "cancel": "acting",
    "replay": "acting",
    "demo": "demo",
    "completion": "completion",
}
_INTERNAL = {"replace": "replacing"}
_INTERRUPTED = 130


class _Verbs(click.Group):
    """Finds a verb's command in its module, by the verb's name."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        module = (_VERBS | _INTERNAL).get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f"listener.cli.{module}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="listener")
@shared_options
def cli() -> None:
    """Deploys the image that was just pushed, and takes it back when it is sick.

    \b
    Examples:
      listener check                       is everything set up?
      listener status                      what runs, and what is wrong
      listener deploy web --wait           deploy now, and follow it
      listener rollback web --wait         back to the last good version
      listener history web                 what happened, and why
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and ends the process with its exit code."""
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        args = None if arguments is None else list(arguments)
        code = cli.main(args, "listener", standalone_mode=False, obj=Session())
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except Exception as problem:
        return _unexpected(problem)
    return code if isinstance(code, int) else 0


def _unexpected(problem: Exception) -> int:
    """A mistake of this program still ends in a sentence; the traceback is for who asks for it."""
    if os.environ.get("LISTENER_DEBUG"):
        raise problem
    kind = type(problem).__name__
    click.echo(
        f"listener: something unexpected went wrong ({kind}: {problem}); "
        "LISTENER_DEBUG=1 shows where",
        err=True,
    )
    return 1
