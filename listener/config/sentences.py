"""What a validation error means, in a sentence for whoever wrote the file."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from listener.config.document import Document, KeyPath
from listener.config.secret_values import secrets_of

NO_VALUE = "has no value: give one or remove the key"
_QUOTED = re.compile(r"'([^']*)'")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`` (did you mean …?)`` for a slip of the pen, else nothing."""
    close = get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def report_errors(document: Document, error: ValidationError, model: type[BaseModel]) -> None:
    """Adds each validation error to the document's problems, at its line."""
    for details in error.errors(include_url=False):
        path: KeyPath = details["loc"]
        if details["type"] == "missing":
            if document.has(path):
                continue  # it is there, and was refused before
        else:
            while path and not document.has(path):
                path = path[:-1]
        document.report(path, explain(details, model, document.text(path)))


def explain(details: ErrorDetails, model: type[BaseModel], text: str | None) -> str:
    """The sentence for one validation error; `text` is how the file wrote a number or boolean."""
    kind, given = details["type"], details["input"]
    context = details.get("ctx", {})
    shown = _shorten(text if text is not None else repr(given))
    if kind == "extra_forbidden":
        return _unknown_key(details["loc"], model)
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context.get("error", details["msg"]))
    if given is None:
        return NO_VALUE
    if isinstance(given, (int, float)) and (
        kind == "string_type" or details["loc"][-1:] == ("tag",)
    ):
        what = "true or false" if isinstance(given, bool) else "a number"
        return f'{shown} is {what} to YAML: write it in quotes, "{shown}"'
    if kind in _SECTIONS:
        # What stands in a section's place may well be a secret, so it is not shown.
        what = "text" if isinstance(given, str) else _kind_of(given) or shown
        return f"must be a mapping of keys to values, not {what}"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_kind_of(given) or shown}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, not {shown}"
    if kind == "literal_error":
        options = _QUOTED.findall(str(context["expected"]))
        hint = did_you_mean(given, options) if isinstance(given, str) else ""
        return f"must be one of {', '.join(options)}, not {_kind_of(given) or shown}{hint}"
    return details["msg"]


_SECTIONS = {"model_type", "model_attributes_type", "dict_type"}
_WANTED = {
    "string_type": "text",
    "tuple_type": "a list",
    "path_type": "a path",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a whole number",
}


def _kind_of(value: object) -> str | None:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else None


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _unknown_key(path: KeyPath, model: type[BaseModel]) -> str:
    section = path[:-1]
    known = set(known_keys(model, section))
    return f"there is no such key{did_you_mean(str(path[-1]), known)}"


def known_keys(model: type[BaseModel], section: KeyPath) -> Iterator[str]:
    """The keys that a section of the file may have."""
    annotation: Any = model
    for part in section:
        annotation = _inside(_unwrapped(annotation), part)
    annotation = _unwrapped(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from annotation.model_fields
        for secret in secrets_of(section):
            yield from secret.spellings


def _unwrapped(annotation: Any) -> Any:
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _inside(annotation: Any, part: str | int) -> Any:
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    return None
