"""Templates of the configuration, in the braces of Python's `str.format`."""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter


def check_template(text: str, fields: Collection[str]) -> None:
    """Raises ValueError unless it is a template that names nothing but these fields."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as problem:
        raise ValueError(f"is not a template: {problem}") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in fields or form or conversion):
            shown = f"{name}{'!' + conversion if conversion else ''}{':' * bool(form)}{form}"
            raise ValueError(f"there is no {{{shown}}}: it may name {', '.join(fields)}")
