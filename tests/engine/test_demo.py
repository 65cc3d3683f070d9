"""`listener demo`, as it is typed: it ends as it says, and nothing of it is left."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from listener.demo import http
from listener.demo.engine import LABEL, Engine

PATIENCE = 400


def test_the_demo_ends_as_promised_and_can_be_left_running(engine: Engine) -> None:
    done = _demo(engine, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Version 3 was rolled back." in done.stdout

    app = re.search(r"app +(http://\S+)", done.stdout)
    assert app, done.stdout
    assert http.what_answers(app[1]) == "2"
    kept = re.search(r"listener demo (--end) (\S+)", done.stdout)
    assert kept, done.stdout
    session = re.search(r"lt-[0-9a-f]{6}", done.stdout)
    assert session, done.stdout

    ended = _demo(engine, *kept.groups())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert http.what_answers(app[1]) is None
    left = engine.docker("ps", "-aq", "--filter", f"label={LABEL}={session[0]}")
    assert not left
    assert _demo(engine, *kept.groups()).returncode == 2


def _demo(engine: Engine, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "listener", "demo", *options],
        env={**os.environ, **engine.env},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
