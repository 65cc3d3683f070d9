"""Fuzzes every provider: `FUZZ_SECONDS` in all (600), one process for each core.

Every sample is a seed of every provider. Prints how many inputs each read and how long its slowest
took by itself; ends with 1 where one broke the contract. `python -m tests.fuzz PROVIDER FILE` reads
one input again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from listener.providers import PROVIDERS, NotUnderstood
from tests.fuzz.cases import case_of, case_of_sample, sample_files
from tests.fuzz.contract import check

_ROOT = Path(__file__).parents[2]
_KEPT = _ROOT / "build" / "fuzz"
_LONGEST = 64 * 1024


@dataclass(frozen=True)
class Run:
    """What came of one provider."""

    provider: str
    executions: int
    slowest: float
    input: Path
    failure: str

    def line(self) -> str:
        """The run for the table."""
        word = "FAIL" if self.failure else "ok  "
        return (
            f"{word} {self.provider:<13} {self.executions:>9,} inputs,"
            f" slowest {self.slowest * 1000:6.2f} ms ({self.input.relative_to(_ROOT)})"
        )


def fuzz(provider: str, seeds: Path, seconds: int) -> Run:
    """Runs one provider for some seconds, in a process of its own."""
    kept = _KEPT / provider
    corpus = kept / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.target", provider, str(kept / "slowest")]
    options = [
        *(f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-print_final_stats=1"),
        *("-timeout=20", "-rss_limit_mb=1024", "-len_control=0", f"-artifact_prefix={kept}/"),
    ]
    done = subprocess.run(
        [*command, *options, str(corpus), str(seeds)],
        cwd=_ROOT,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    output = done.stdout + done.stderr
    (kept / "log").write_text(output)
    count = re.search(r"number_of_executed_units: *([0-9]+)", output)
    return Run(
        provider=provider,
        executions=int(count[1]) if count else 0,
        slowest=slowest(provider, kept / "slowest"),
        input=kept / "slowest",
        failure="" if done.returncode == 0 else _told(output),
    )


def _told(output: str) -> str:
    """What went wrong, without the fuzzer's notes on its progress."""
    lines = [line for line in output.splitlines() if not line.startswith(("#", "INFO:"))]
    return "\n".join(lines[-60:])


def slowest(provider: str, file: Path) -> float:
    """The seconds that an input takes by itself, the least of some rounds."""
    case = case_of(file.read_bytes())
    times = []
    for _ in range(5):
        request = case.request
        started = time.perf_counter()
        with suppress(NotUnderstood):
            PROVIDERS[provider].concrete(request).parse(request, case.sender)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> int:
    """Shares the time among the providers; 1 where any of them broke the contract."""
    cores = os.cpu_count() or 1
    total = int(os.environ.get("FUZZ_SECONDS", "600"))
    seconds = max(1, total * cores // len(PROVIDERS))
    print(f"{len(PROVIDERS)} providers, {seconds} s each, {cores} at a time", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(cores) as pool:
        seeds = Path(directory)
        for number, file in enumerate(sample_files()):
            (seeds / str(number)).write_bytes(bytes(case_of_sample(file)))
        for run in pool.map(lambda name: fuzz(name, seeds, seconds), sorted(PROVIDERS)):
            print(run.line(), flush=True)
            failed += bool(run.failure)
            if run.failure:
                print(run.failure)
                print(f"again: python -m tests.fuzz {run.provider} FILE, of {run.input.parent}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(check(sys.argv[1], case_of(Path(sys.argv[2]).read_bytes())))
    else:
        sys.exit(main())
