"""Puts a mutant in the place of its script, before any test runs: `-p tests.mutation.plugin`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from listener.store import scripts


def pytest_configure() -> None:
    """Reads the mutant from the file that `LISTENER_MUTANT` names."""
    chosen = json.loads(Path(os.environ["LISTENER_MUTANT"]).read_text())
    assert hasattr(scripts, chosen["script"])
    setattr(scripts, chosen["script"], chosen["text"])
