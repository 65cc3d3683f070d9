"""Measures every figure and prints the table; ends with 1 where a budget is missed.

Repeat it with `make bench`, as root on Debian, on a machine that does nothing else meanwhile: two
cores are enough. Every figure is a ratio or a difference within one run, so that machines and
days can be compared. Names after the command choose figures: `python -m bench.run hooks gap`.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import fleet, hooks, idle, latency, pages, parsers, swap, takeover
from bench.figure import Figure

_FIGURES: dict[str, Callable[[Path], list[Figure]]] = {
    "hooks": hooks.measure,
    "latency": latency.measure,
    "swap": swap.measure,
    "takeover": takeover.measure,
    "idle": idle.measure,
    "pages": pages.measure,
    "parsers": parsers.measure,
    "fleet": fleet.measure,
}


def main(names: list[str]) -> int:
    """Measures the named figures, or all."""
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}")
    # Ended from outside, what was started is still ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missed = 0
    for name in names or _FIGURES:
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            for figure in _FIGURES[name](Path(directory)):
                print(figure.line(), flush=True)
                missed += not figure.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
