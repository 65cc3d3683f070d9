"""One provider under libFuzzer, guided by what of the program an input reaches; see `__main__`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["listener.model.reference", "listener.providers"]):
    from tests.fuzz.cases import Case, case_of
    from tests.fuzz.contract import check
    from tests.fuzz.mutation import mutated


class Target:
    """Checks each input, and keeps the slowest of them in a file."""

    def __init__(self, provider: str, slowest: Path) -> None:
        self._provider = provider
        self._file = slowest
        self._seconds = 0.0

    def run(self, data: bytes) -> None:
        """Raises what is wrong with the provider, which ends the run."""
        case = case_of(data)
        if self._timed(case) <= self._seconds:
            return
        # Whatever else the machine did is not the input's fault.
        seconds = min(self._timed(case) for _ in range(3))
        if seconds > self._seconds:
            self._seconds = seconds
            self._file.write_bytes(data)

    def _timed(self, case: Case) -> float:
        started = time.perf_counter()
        check(self._provider, case)
        return time.perf_counter() - started


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's own changes or, as often, those that leave JSON what it is."""
    random = Random(seed)
    if random.random() < 0.5:
        return bytes(atheris.Mutate(data, max_size))
    changed = bytes(mutated(case_of(data), random))
    return changed if len(changed) <= max_size else changed[:max_size]


def main(provider: str, slowest: str, *options: str) -> None:
    """Runs until libFuzzer ends the process."""
    target = Target(provider, Path(slowest))
    atheris.Setup([sys.argv[0], *options], target.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
