"""Reading of untrusted JSON: parts of the wrong type are absent, and no text is taken as it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs

from listener.providers.events import NotUnderstood

_LONGEST_TEXT = 200
_LONGEST_SHOWN = 60


def load_json(body: bytes, expected: str) -> object:
    """The JSON value of a body; `expected` opens the sentence of the NotUnderstood it raises.

    A number with thousands of digits is a ValueError too, and a value nested too deeply a
    RecursionError: both are the sender's fault.
    """
    if not body.strip():
        raise NotUnderstood(f"expected {expected}, got an empty body")
    try:
        # JSON between systems is UTF-8 (RFC 8259 §8.1); some Windows tools put a mark before it.
        value: object = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotUnderstood(f"expected {expected}, got bytes that are not text") from None
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise NotUnderstood(f"expected {expected}, got invalid JSON at {where}") from None
    except ValueError:
        raise NotUnderstood(f"expected {expected}, got JSON with an endless number") from None
    except RecursionError:
        raise NotUnderstood(f"expected {expected}, got JSON nested too deeply") from None
    return value


def form_field(body: bytes, name: str, expected: str) -> bytes:
    """The one field of a form body (application/x-www-form-urlencoded); raises NotUnderstood."""
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise NotUnderstood(f"expected {expected}, got an invalid form") from None
    if name not in fields:
        raise NotUnderstood(f"expected {expected}, got a form without the field {name}")
    return fields[name][0].encode()


def at(value: object, *path: str) -> object:
    """What stands under a path of keys; None where any step is not an object with that key."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_at(value: object, *path: str) -> str:
    """The text under a path, without surrounding blanks; empty where there is none."""
    found = at(value, *path)
    return found.strip() if isinstance(found, str) else ""


def plain(text: str) -> str | None:
    """Free text fit for a log, a label of the dashboard and UTF-8: printable and short, or None.

    JSON may carry control characters and half surrogate pairs, which no encoder takes.
    """
    if not text.isprintable():
        text = "".join(letter for letter in text if letter.isprintable())
    return text[:_LONGEST_TEXT].strip() or None


def moment(value: object) -> datetime | None:
    """A time in RFC 3339 or Unix seconds, in UTC; None where it is neither, or no real time.

    GitHub writes the year 1 for "not known".
    """
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.year >= 1970 else None


def shape(value: object) -> str:
    """What a value is, in words for an error: ``an object with the keys 'a', 'b'``."""
    if isinstance(value, dict):
        keys = ", ".join(shown(key) for key in list(value)[:8])
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else f"the value {shown(str(value))}"


def shown(text: str) -> str:
    """A foreign text quoted for an error or a reason: short, and with nothing unprintable."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
