"""How services of Compose are called as targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from listener.model.target import ComposeService


class ServiceNames:
    """Gives a service its own name, and its project's before that where another target has it.

    A service keeps the name that it had, whoever comes later: all that is known of a target, what
    it can go back to and that it is paused, goes by its name.
    """

    def __init__(self) -> None:
        self._had: dict[ComposeService, str] = {}

    def remember(self, had: Mapping[ComposeService, str]) -> None:
        """Takes the names that services had before a restart."""
        self._had = {**had, **self._had}

    def of(
        self, services: Collection[ComposeService], taken: Collection[str]
    ) -> dict[ComposeService, str]:
        """The name of each of these services, all that there are; `taken` are those of others."""
        kept = {one: self._had[one] for one in services if one in self._had}
        kept = {one: name for one, name in kept.items() if name not in taken}
        newcomers = [one for one in services if one not in kept]
        claimed = Counter((*taken, *kept.values(), *(one.service for one in newcomers)))
        names = kept | {
            one: one.service if claimed[one.service] == 1 else f"{one.project}-{one.service}"
            for one in newcomers
        }
        given = set(names.values())
        others = {one: name for one, name in self._had.items() if name not in given}
        self._had = others | names
        return names
