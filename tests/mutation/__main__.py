"""Changes the Lua scripts of the store in every small way: which change does no test notice?

`python -m tests.mutation [SCRIPT…]` prints those that live on, and how many there were.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from listener.store import scripts
from tests.mutation.lua import Mutant, mutants

_ROOT = Path(__file__).parents[2]
_WITHIN = 240
# The quickest first: most mutants fall at the first test.
_LEASE = ("test_lease.py", "test_lease_kept.py", "test_ledger.py")
_TURNS = ("test_rollouts.py", "test_rolling.py", "test_keyspace.py")
_TESTS = {
    "APPEND": ("test_pushes.py", "test_incoming.py", "test_keyspace.py", "test_changes.py"),
    "SUBMIT": ("test_ledger.py", "test_changes.py", "test_keyspace.py", "test_lanes.py"),
    "FIELD": ("test_fleet.py", "test_changes.py", "test_ledger.py", "test_lanes.py"),
    "ACQUIRE": (*_LEASE, "test_failover.py", "test_faults.py"),
    "FENCED": (*_LEASE, "test_lanes.py", "test_faults.py"),
    "RELEASE": _LEASE,
    "TURN": _TURNS,
    "KEEP_TURN": _TURNS,
    "END_TURN": _TURNS,
    "SEND_BACK": _TURNS,
}


def main(names: list[str]) -> int:
    """Tries all mutants of these scripts, or of all; 1 where a test is broken without any."""
    held = scripts.HELD.count("\n")
    made: list[Mutant] = []
    for name in names or _TESTS:
        text = getattr(scripts, name)
        # What all fenced scripts begin with is changed in one of them.
        shared = name != "FENCED" and text.startswith(scripts.HELD)
        made += mutants(name, text, begin=held if shared else 0)
    whole = [Mutant(name, 0, "", "", getattr(scripts, name)) for name in names or _TESTS]
    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        if broken := [one.script for one, lives in _tried(pool, whole) if not lives]:
            print(f"these tests fail without any mutant: {', '.join(broken)}")
            return 1
        alive = 0
        for one, lives in _tried(pool, made):
            if lives:
                alive += 1
                print(f"lives: {one.script}:{one.line}\n  - {one.before}\n  + {one.after}")
    print(f"{len(made)} mutants of the scripts, {alive} live on")
    return 0


def _tried(pool: ThreadPoolExecutor, made: list[Mutant]) -> list[tuple[Mutant, bool]]:
    return list(zip(made, pool.map(_lives, made), strict=True))


def _lives(mutant: Mutant) -> bool:
    """Whether all tests of its script pass."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        chosen = Path(directory) / "mutant.json"
        chosen.write_text(json.dumps(asdict(mutant)))
        tests = [f"tests/store/{name}" for name in _TESTS[mutant.script]]
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutation.plugin"),
                *("-p", "no:cacheprovider", "-m", "not thorough", *tests),
            ],
            cwd=_ROOT,
            env={**os.environ, "LISTENER_MUTANT": str(chosen)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as run:
            try:
                return run.wait(_WITHIN) == 0
            except subprocess.TimeoutExpired:
                # Its fixtures still end the servers that they started.
                run.send_signal(signal.SIGINT)
                return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
