"""A demo that was left running: what it consists of, where it is seen, how it is ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from listener.demo.engine import Engine, remove_home
from listener.demo.screen import Screen
from listener.demo.story import APP
from listener.demo.waiting import NeverHappened, wait_for
from listener.demo.world import HOOK, World

_NOTE = "demo.json"


def note(world: World, directory: Path) -> None:
    """Writes down what runs, for `end`."""
    engine = world.engine.process
    content = {
        "session": world.session,
        "socket": str(world.engine.socket),
        "engine_home": str(engine.log.parent) if engine else None,
        # In the order in which they are ended.
        "processes": [world.listener.pid, world.registry.process.pid],
        "engine": engine.pid if engine else None,
    }
    (directory / _NOTE).write_text(json.dumps(content))


def explain(world: World, directory: Path, screen: Screen) -> None:
    """Says where everything is and how to end it."""
    ports = world.container(APP)["NetworkSettings"]["Ports"]["8000/tcp"]
    screen.say("\nIt is left running:")
    screen.fact("app", f"http://127.0.0.1:{ports[0]['HostPort']}/")
    screen.fact(
        "admin", f"{world.listener.admin}/api/v1/deployments, {world.listener.admin}/metrics"
    )
    screen.fact("hook", f"{world.listener.public}/hooks/{HOOK}")
    screen.fact("push to", world.image(APP))
    screen.fact("status", f"{sys.executable} -P -m listener status --config {world.listener.file}")
    if world.engine.process:
        screen.fact("engine", f"export DOCKER_HOST={world.engine.url}")
    screen.fact("end it", f"{sys.executable} -P -m listener demo --end {directory}")


def end(directory: Path, screen: Screen) -> int:
    """Ends and removes a kept demo; returns the exit code."""
    # Processes are told to be ours by this path in their commands.
    directory = directory.resolve()
    file = directory / _NOTE
    if not file.exists():
        screen.verdict(False, f"{directory} holds no demo that was left running.")
        return 2
    noted: dict[str, Any] = json.loads(file.read_text())
    for pid in noted["processes"]:
        _end_process(pid, directory)
    Engine(Path(noted["socket"])).clean(noted["session"])
    if noted["engine"]:
        home = Path(noted["engine_home"])
        _end_process(noted["engine"], home)
        remove_home(home)
    shutil.rmtree(directory, ignore_errors=True)
    screen.verdict(True, "The demo is ended and removed.")
    return 0


def _end_process(pid: int, home: Path) -> None:
    """Ends a process if it is still ours: its command names the directory that we made."""
    command = Path(f"/proc/{pid}/cmdline")

    def ours() -> bool:
        try:
            return str(home).encode() in command.read_bytes()
        except OSError:
            return False

    if not ours():
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    try:
        wait_for(lambda: not ours(), f"process {pid} ends", timeout=40)
    except NeverHappened:
        os.kill(pid, signal.SIGKILL)
