"""Measures every figure and prints the table; ends with 1 where a budget is missed.

Repeat it with `make bench`, as root on Debian, on a machine that does nothing else meanwhile: two
cores are enough. Every figure is a ratio or a difference within one run, so that machines and
days can be compared. Names after the command choose figures: `python -m bench.run hooks swap`.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import (
    day,
    fleet,
    hooks,
    idle,
    latency,
    pages,
    parsers,
    sick,
    storm,
    swap,
    takeover,
    warm,
)
from bench.figure import Figure

_FIGURES: dict[str, Callable[[Path], list[Figure]]] = {
    "hooks": hooks.measure,
    "latency": latency.measure,
    "swap": swap.measure,
    "takeover": takeover.measure,
    "sick": sick.measure,
    "warm": warm.measure,
    "idle": idle.measure,
    "pages": pages.measure,
    "parsers": parsers.measure,
    "fleet": fleet.measure,
}
_LOAD: dict[str, Callable[[Path], list[Figure]]] = {"storm": storm.measure, "day": day.measure}
"""What `make load` measures; only by name here."""
_PATIENCE = 900
_LONG = 3600


def _hangs(*_: object) -> None:
    raise AssertionError("it takes too long, something hangs")


def main(names: list[str]) -> int:
    """Measures the named figures, or all."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}")
    # Ended from outside, what was started is still ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, _hangs)
    missed = 0
    for name in names or _FIGURES:
        began = time.monotonic()
        signal.alarm(_PATIENCE if name in _FIGURES else _LONG)
        try:
            with tempfile.TemporaryDirectory(prefix="bench-") as directory:
                for figure in (_FIGURES | _LOAD)[name](Path(directory)):
                    print(figure.line(), flush=True)
                    missed += not figure.met
        except AssertionError as problem:
            # The others are measured all the same.
            print(f"OVER {name}: {problem}", flush=True)
            missed += 1
        signal.alarm(0)
        print(f"     {name}: {time.monotonic() - began:.0f} s", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
