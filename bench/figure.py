"""A figure: what was measured, what it may be, and whether it is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table; `most` or `least` is the budget, `facts` what it was made from."""

    name: str
    value: float
    unit: str
    facts: str
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the budget holds."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    def line(self) -> str:
        """The figure for the table."""
        budget = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"
        word = "ok  " if self.met else "OVER"
        return f"{word} {self.name:<58} {self.value:8.3f} {self.unit:<3} {budget:<9} {self.facts}"


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)
