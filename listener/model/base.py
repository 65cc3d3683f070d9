"""What all nouns share: immutability, durations and times."""

from __future__ import annotations

import random
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"\d{1,12}(?:\.\d{1,9})?"
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h|d))+")
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
# Asking the kernel for each id would cost a hook more than parsing it does.
_dice = random.Random(secrets.token_bytes(16))  # noqa: S311 - ids are no secrets
_LONGEST = 999_999_999.0  # seconds, 31 years: what is longer is a slip of the pen


class Noun(BaseModel):
    """A value: equal by content, never changed, strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_duration(value: object) -> float:
    """Seconds in a text such as ``500ms``, ``10s``, ``1h30m``; only zero may go without a unit.

    Raises ValueError with a sentence that shows how to write it.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value == 0:
            return 0.0
        raise ValueError(f"a duration needs a unit: write {value}s, {value}m or {value}h")
    if isinstance(value, str):
        text = value.strip()
        if text == "0":
            return 0.0
        if _DURATION.fullmatch(text):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
            if seconds > _LONGEST:
                raise ValueError(f"{text!r} is longer than 30 years")
            return seconds
    raise ValueError(f"{value!r} is not a duration: write it like 500ms, 10s, 5m or 1h30m")


def format_duration(seconds: float) -> str:
    """The exact inverse of `parse_duration` for whole milliseconds."""
    milliseconds = round(seconds * 1000)
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    return f"{milliseconds // 1000}s"


Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": f"^(0|{_DURATION.pattern})$",
            "minimum": 0,
            "maximum": 0,
            "examples": ["10s", "1h30m"],
        }
    ),
]
"""A duration: written with a unit, held as seconds."""


def _no_boolean(value: object) -> object:
    # A bool is an int to Python: `keep: yes` would silently mean 1.
    if isinstance(value, bool):
        raise ValueError("must be a whole number, not true or false")  # noqa: TRY004 - for pydantic
    return value


Count = Annotated[int, Field(ge=1), BeforeValidator(_no_boolean)]
"""A whole number of at least one; never a boolean."""


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def timed_id(prefix: str, moment: datetime) -> str:
    """An id that sorts by time, ``p1750000000123-7f3a9c1e``; no secret."""
    return f"{prefix}{moment.timestamp() * 1000:.0f}-{_dice.getrandbits(32):08x}"


def rfc3339(moment: datetime) -> str:
    """A moment as users see it: RFC 3339 in UTC with milliseconds, ``2026-03-01T10:00:00.123Z``."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
