"""Sets the scene, tells the story, cleans up."""

from __future__ import annotations

import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from listener.demo import kept
from listener.demo.engine import EngineTrouble, find_engine
from listener.demo.process import MissingPart
from listener.demo.screen import Screen
from listener.demo.story import introduce, tell
from listener.demo.world import World


def play(*, keep: bool) -> int:
    """Tells the story; 0 only if version 3 was rolled back and version 2 answers.

    Unless it shall `keep` everything running, what it made is removed, however it ends.
    """
    screen = Screen()
    # A terminal that goes away is no reason to leave an engine behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _run(screen, keep)
    except KeyboardInterrupt:
        screen.verdict(False, "Interrupted; everything that the demo made is removed.")
        return 130
    except (MissingPart, EngineTrouble, AssertionError, OSError) as trouble:
        screen.verdict(False, f"The demo could not go on: {trouble}")
        return 1


def end(directory: Path) -> int:
    """Ends and removes what was kept; 2 where the directory holds no demo."""
    return kept.end(directory, Screen())


def _run(screen: Screen, keep: bool) -> int:
    with ExitStack() as undo:
        try:
            return _scene(screen, undo, keep)
        finally:
            # Whatever happened: what was made is removed in peace.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)


def _scene(screen: Screen, undo: ExitStack, keep: bool) -> int:
    directory = Path(tempfile.mkdtemp(prefix="listener-demo-"))
    undo.callback(shutil.rmtree, directory, ignore_errors=True)
    engine = find_engine()
    undo.callback(engine.stop)
    world = undo.enter_context(World(engine, directory))
    screen.title("A push to a running container, and back again when it is sick")
    introduce(world, screen)
    good = tell(world, screen)
    if keep:
        kept.note(world, directory)
        kept.explain(world, directory, screen)
        undo.pop_all()
    return 0 if good else 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
