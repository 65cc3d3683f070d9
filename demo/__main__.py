"""`make demo`: sets the scene, tells the story, cleans up. `KEEP=1` leaves everything running.

python -m demo            exit 0 only if version 3 was rolled back and version 2 answers
python -m demo end DIR    ends and removes what KEEP=1 left
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from demo import kept
from demo.screen import Screen
from demo.story import introduce, tell
from lab.engine import EngineTrouble, find_engine
from lab.process import MissingPart
from lab.world import World


def main(arguments: list[str]) -> int:
    """Runs the demo or ends a kept one; returns the exit code."""
    screen = Screen()
    match arguments:
        case ["end", directory]:
            return kept.end(Path(directory), screen)
        case [_, *_]:
            screen.verdict(False, "Usage: python -m demo [end DIR]")
            return 2
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(screen)
    except KeyboardInterrupt:
        screen.verdict(False, "Interrupted; everything that the demo made is removed.")
        return 130
    except (MissingPart, EngineTrouble, AssertionError, OSError) as trouble:
        screen.verdict(False, f"The demo could not go on: {trouble}")
        return 1


def _run(screen: Screen) -> int:
    with ExitStack() as undo:
        try:
            return _scene(screen, undo)
        finally:
            # Whatever happened: what was made is removed in peace.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)


def _scene(screen: Screen, undo: ExitStack) -> int:
    directory = Path(tempfile.mkdtemp(prefix="listener-demo-"))
    undo.callback(shutil.rmtree, directory, ignore_errors=True)
    engine = find_engine()
    undo.callback(engine.stop)
    world = undo.enter_context(World(engine, directory))
    screen.title("A push to a running container, and back again when it is sick")
    introduce(world, screen)
    good = tell(world, screen)
    if os.environ.get("KEEP", "") not in ("", "0"):
        kept.note(world, directory)
        kept.explain(world, directory, screen)
        undo.pop_all()
    return 0 if good else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
