"""``listener completion SHELL``: the script that lets a shell complete verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Write what makes SHELL complete the verbs and options of listener.

    \b
    Examples:
      echo 'eval "$(listener completion bash)"' >>~/.bashrc
      listener completion fish >~/.config/fish/completions/listener.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice has no others
    root = context.find_root()
    click.echo(kind(root.command, {}, "listener", "_LISTENER_COMPLETE").source())
