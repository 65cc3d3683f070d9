"""Option values that the command line shares with the configuration."""

from __future__ import annotations

import click

from listener.model.base import parse_duration


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_duration(value)
        except ValueError as problem:
            self.fail(str(problem), param, ctx)


DURATION = _Duration()
"""A duration such as ``10s`` or ``1h30m``, in seconds."""
