"""What callers of the API send, read strictly: a query or a JSON body in, values out.

Everything wrong is `BadArgument` with one sentence, so that a misspelt key never passes for its
default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from listener.model.base import Noun
from listener.model.deployment import State
from listener.model.reference import is_digest, is_tag

_ID = re.compile(r"\d{8}-\d{6}-\d{3}-[0-9a-f]{8}")


class BadArgument(ValueError):
    """A query or body that cannot be used; the message says why in one sentence."""


def _tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError(f"{value!r} is not a tag")
    return value


def _digest(value: str) -> str:
    if not is_digest(value):
        raise ValueError(f"{value!r} is not a digest like sha256:… with 64 hexadecimal digits")
    return value


Tag = Annotated[str, AfterValidator(_tag)]
Digest = Annotated[str, AfterValidator(_digest)]


class Nothing(Noun):
    """The body of a call that takes no argument."""


class DeployOrder(Noun):
    """The body of a deployment by hand; all absent: the tag that the target runs, as it is now.

    With `dry_run` nothing is changed, and the deployment says what it would have done.
    """

    model_config = ConfigDict(strict=True)
    tag: Tag | None = None
    digest: Digest | None = None
    force: bool = False
    dry_run: bool = False


class RollbackOrder(Noun):
    """The body of a rollback; absent: to the last good digest before the running one."""

    model_config = ConfigDict(strict=True)
    digest: Digest | None = None


class PauseOrder(Noun):
    """The body of a pause."""

    model_config = ConfigDict(strict=True)
    reason: str | None = None


Body = TypeVar("Body", bound=Noun)


def read_body(raw: bytes, kind: type[Body]) -> Body:
    """A JSON object as `kind`; an empty body is an empty object."""
    try:
        value = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise BadArgument("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadArgument("the body must be a JSON object like {}")
    try:
        return kind.model_validate(value)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise BadArgument(_sentence(first, kind.model_fields)) from None


def read_query(query: Mapping[str, str], allowed: Iterable[str]) -> dict[str, str]:
    """The query's values; an empty one counts as absent."""
    names = list(allowed)
    for name in query:
        if name not in names:
            raise BadArgument(f"unknown query argument {name!r}{did_you_mean(name, names)}")
    return {name: value for name, value in query.items() if value}


def read_limit(text: str | None, *, name: str = "limit", default: int = 50, most: int = 500) -> int:
    """How many entries to answer: a whole number from 1, cut at `most`."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < 1:
        raise BadArgument(f"{name}: {text!r} is not a number from 1 to {most}")
    return min(int(text[:9]), most)


def read_state(text: str | None) -> State | None:
    """A state by its name."""
    if text is None:
        return None
    try:
        return State(text)
    except ValueError:
        names = [state.value for state in State]
        hint = did_you_mean(text, names) or f" (one of {', '.join(names)})"
        raise BadArgument(f"state: {text!r} is not a state{hint}") from None


def read_id(text: str | None) -> str | None:
    """The id of a deployment."""
    if text is not None and not _ID.fullmatch(text):
        raise BadArgument(f"before: {text!r} is not the id of a deployment")
    return text


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """`` (did you mean "web"?)`` with the nearest name, or nothing where none is near."""
    near = get_close_matches(given, list(names), n=1)
    return f' (did you mean "{near[0]}"?)' if near else ""


def _sentence(problem: ErrorDetails, names: Iterable[str]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f'unknown key "{key}"{did_you_mean(key, names)}'
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}"
