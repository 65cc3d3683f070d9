"""What the demo prints: a story on a terminal, plain lines where it is piped."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape

_WORDS = {
    "queued": "queued",
    "waiting": "waits",
    "pulling": "pulls the image by its digest",
    "checking": "checks the plan against the engine",
    "swapping": "swaps the containers",
    "watching": "watches the health of the new container",
    "reverting": "[yellow]takes it back[/]",
    "succeeded": "[bold green]succeeded[/]",
    "rolled_back": "[bold yellow]rolled back[/]",
}


class Screen:
    """Prints chapters, facts and timed lines."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        """The heading of the whole."""
        self._console.print(f"\n[bold]{escape(text)}[/]\n")

    def fact(self, name: str, text: str) -> None:
        """One thing that is in place."""
        self._console.print(f"  [cyan]{name:<9}[/] {escape(text)}")

    def chapter(self, text: str) -> None:
        """Something begins; the clock starts at zero."""
        self._began = time.monotonic()
        self._console.print(f"\n[bold]{escape(text)}[/]")

    def command(self, text: str) -> None:
        """What a person would have typed."""
        self._console.print(f"  [dim]$ {escape(text)}[/]")

    def event(self, text: str) -> None:
        """A line with the time since the chapter began; `text` may bear rich's marks."""
        self._console.print(f"  [dim]{time.monotonic() - self._began:5.1f} s[/]  {text}")

    def state(self, state: str, reason: str | None) -> None:
        """The state that a deployment has reached."""
        why = f": {escape(reason)}" if reason else ""
        self.event(f"listener: {_WORDS.get(state, f'[bold red]{state}[/]')}{why}")

    def answer(self, version: str | None) -> None:
        """What a user of the app sees now."""
        self.event(
            "the app:  [red]nobody answers[/]"
            if version is None
            else f"the app:  [bold]version {escape(version)} answers[/]"
        )

    def say(self, text: str = "") -> None:
        """A plain line."""
        self._console.print(escape(text))

    def verdict(self, good: bool, text: str) -> None:
        """The last word."""
        self._console.print(f"[bold {'green' if good else 'red'}]{escape(text)}[/]")
