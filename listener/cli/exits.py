"""The ways a verb can end badly, each with its exit code and its sentence on standard error."""

from __future__ import annotations

from typing import IO, Any

import click


class _Exit(click.ClickException):
    def show(self, file: IO[Any] | None = None) -> None:
        for line in self.message.splitlines():
            click.echo(f"listener: {line}", file=file, err=file is None)


class Failed(_Exit):
    """What was asked for did not succeed."""

    exit_code = 1


class NotNow(Failed):
    """The server cannot answer at this moment, while its Redis is away for one."""


class WrongUsage(_Exit):
    """The server refused the call as it was put."""

    exit_code = 2


class WrongConfiguration(click.ClickException):
    """The configuration cannot be used; one line for each problem, each with its file and line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class Unreachable(_Exit):
    """No answer from the server."""

    exit_code = 3
