"""Reading of untrusted JSON: parts of the wrong type are absent, and no text is taken as it is."""

from __future__ import annotations

import json
from binascii import a2b_qp
from codecs import BOM_UTF8
from datetime import UTC, datetime
from itertools import islice

from listener.providers.events import MAX_VALUES, NotUnderstood, Request

_LONGEST_PART = 2_000
_LONGEST_TEXT = 200
_LONGEST_SHOWN = 60
_LONGEST_NUMBER = 64
"""In bits: to write one of thousands of digits takes a tenth of a millisecond."""
_MOST_FIELDS = 20


def load_body(request: Request, expected: str) -> object:
    """The JSON value of a request's body, read once however many formats ask for it.

    `expected` opens the sentence of the NotUnderstood it raises. Nobody may change the value.
    """
    if not request.loaded:
        request.loaded.append(_read(request.body))
    return _or_raise(*request.loaded[0], expected)


def load_json(document: bytes, expected: str) -> object:
    """The JSON value of a document within a body, or of any other; see `load_body`."""
    return _or_raise(*_read(document), expected)


def _or_raise(value: object, problem: str, expected: str) -> object:
    if problem:
        raise NotUnderstood(f"expected {expected}, got {problem}")
    return value


def _read(document: bytes) -> tuple[object, str]:
    """The JSON value, or None and what came instead.

    A number with thousands of digits is a ValueError too, and a value nested too deeply a
    RecursionError: both are the sender's fault.
    """
    if not document.strip():
        return None, "an empty body"
    # Each value stands after one of these. Those within texts count too: no harm is in so few.
    if len(document) - len(document.translate(None, b",[{")) >= MAX_VALUES:
        return None, f"JSON of more than {MAX_VALUES:,} values"
    try:
        # JSON between systems is UTF-8 (RFC 8259 §8.1); some Windows tools put a mark before it.
        return json.loads(document.removeprefix(BOM_UTF8).decode()), ""
    except UnicodeDecodeError:
        return None, "bytes that are not text"
    except json.JSONDecodeError as problem:
        return None, f"invalid JSON at line {problem.lineno}, column {problem.colno}"
    except ValueError:
        return None, "JSON with an endless number"
    except RecursionError:
        return None, "JSON nested too deeply"


def form_field(body: bytes, name: str, expected: str) -> bytes:
    """The one field of a form body (application/x-www-form-urlencoded); raises NotUnderstood.

    The standard library takes 100 ms and 80 MB to decode a mebibyte, and forms are decoded before
    their signature is checked. Quoted-printable is the same but for its sign and its line breaks.
    """
    fields = body.split(b"&", _MOST_FIELDS)
    if len(fields) > _MOST_FIELDS or not all(b"=" in field for field in fields):
        raise NotUnderstood(f"expected {expected}, got an invalid form")
    start = name.encode() + b"="
    text = next((field for field in fields if field.startswith(start)), None)
    if text is None:
        raise NotUnderstood(f"expected {expected}, got a form without the field {name}")
    text = text.removeprefix(start).replace(b"+", b" ")
    for special in (b"=", b"\r", b"\n"):
        text = text.replace(special, b"%%%02X" % ord(special))
    signs = text.count(b"%")
    text = text.replace(b"%", b"=")
    decoded = a2b_qp(text)
    # Each sign that begins no two hexadecimal digits makes the text shorter by less than two.
    if len(text) - len(decoded) != 2 * signs:
        raise NotUnderstood(f"expected {expected}, got an invalid form")
    return decoded


def at(value: object, *path: str) -> object:
    """What stands under a path of keys; None where any step is not an object with that key."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def header(request: Request, name: str) -> str:
    """A header as `part` has it; empty where there is none."""
    return part(request.headers.get(name, ""))


def text_at(value: object, *path: str) -> str:
    """The text under a path as `part` has it; empty where there is none."""
    found = at(value, *path)
    return part(found) if isinstance(found, str) else ""


def document_at(value: object, *path: str) -> str:
    """The text under a path, however long: a document of its own; empty where there is none."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def part(text: str) -> str:
    """A part of an event: without surrounding blanks, and never long.

    No name, address or id is. What is longer ends in a mark that no image, host or time may have.
    """
    text = text.strip()
    return text if len(text) <= _LONGEST_PART else f"{text[:_LONGEST_PART]}…"


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
        keys = ", ".join(shown(key) for key in islice(value, 8))
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        return "a huge number"
    return "null" if value is None else f"the value {shown(str(value))}"


def shown(text: str) -> str:
    """A foreign text quoted for an error or a reason: short, and with nothing unprintable."""
    quoted = repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
    # What is not printable takes up to ten letters each.
    return quoted if len(quoted) <= _LONGEST_SHOWN + 2 else f"{quoted[:_LONGEST_SHOWN]}…{quoted[0]}"
