"""What the tasks of a tenure know of the targets, be they containers or services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from listener.config import Settings
from listener.model.target import Target
from listener.model.view import TargetView


class Targets(Protocol):
    """Knows the targets of a host: its containers, or the services of a swarm."""

    async def targets(self) -> list[Target]:
        """All of them as they are now, by name. Raises EngineAway."""

    def remember(self, views: Sequence[TargetView]) -> None:
        """Takes the names that targets had when they were last published."""

    def forget(self, container_id: str) -> None:
        """Reads what it runs anew next time."""

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
