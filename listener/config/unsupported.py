"""What the configuration's contract has and this version does not do yet: refused, never ignored.

Whoever implements one of these deletes its row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

SENTENCE = "is not supported by this version yet"


@dataclass(frozen=True)
class Row:
    """A key of one section that is refused.

    Refused are all values but the `harmless` ones, which ask for nothing; or, where given, only
    the `refused` ones.
    """

    key: str
    harmless: tuple[object, ...] = ()
    refused: Collection[str] | None = None

    def refuses(self, value: object) -> bool:
        """Whether the value asks for what is not there."""
        if self.refused is not None:
            return isinstance(value, str) and value in self.refused
        return not any(type(value) is type(one) and value == one for one in self.harmless)


TOP: tuple[Row, ...] = ()
TARGET = (Row("parallelism", harmless=(1, "1")),)


def strip(
    section: Mapping[str, object], rows: tuple[Row, ...], fields: Collection[str]
) -> tuple[dict[str, object], list[str]]:
    """The section with nothing but what this version can do, and the keys that it refuses.

    Harmless values of keys that are not among the model's `fields` go too.
    """
    kept = dict(section)
    refused = []
    for row in rows:
        if row.key in section:
            refuses = row.refuses(section[row.key])
            if refuses:
                refused.append(row.key)
            if refuses or row.key not in fields:
                del kept[row.key]
    return kept, refused
