"""Prints the table of docs/benchmarks.md, and with `--write` puts it there.

`make bench-peers` prints it, as root on Debian; classes' names choose peers:
`python -m bench.peers Compose Script`.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import hooks
from bench.figure import median
from bench.peers.compose import Compose
from bench.peers.measure import Row, measure
from bench.peers.ours import Ours, OursBeside
from bench.peers.peer import Peer
from bench.peers.script import Script
from bench.peers.swarm import Swarm
from listener.demo.engine import EngineTrouble, start_engine
from listener.demo.process import MissingPart
from listener.demo.world import World

_PEERS: tuple[type[Peer], ...] = (Ours, OursBeside, Compose, Swarm, Script)
_LEFT_OUT = ("podman auto-update: it restarts units of systemd, and the lab runs without systemd",)
_PATIENCE = 600
_PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
_BEGIN, _END = "<!-- make bench-peers -->", "<!-- its end -->"
_LOAD_BEFORE = os.getloadavg()[0]
_HEADER = """\
| | told by | swap gap | push → healthy | sick release: failed in 30 s | killed in mid-swap | \
idle, one core | memory | hooks/s |
|---|---|---|---|---|---|---|---|---|"""


def main(arguments: list[str]) -> int:
    """Each on an engine of its own, one after the other; one that fails is left out by name."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGALRM, _hangs)
    names = [argument for argument in arguments if argument != "--write"]
    rows: dict[type[Peer], Row] = {}
    left_out = list(_LEFT_OUT)
    for kind in [kind for kind in _PEERS if not names or kind.__name__ in names]:
        print(f"measuring {kind.name}", file=sys.stderr, flush=True)
        signal.alarm(_PATIENCE)
        try:
            rows[kind] = _measured(kind)
        except (AssertionError, EngineTrouble, MissingPart) as problem:
            left_out.append(f"{kind.name}: {problem}")
        signal.alarm(0)
    table = "\n".join(_table(rows, left_out))
    print(table)
    if "--write" in arguments:
        before, _, rest = _PAGE.read_text().partition(_BEGIN)
        after = rest.partition(_END)[2]
        _PAGE.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}")
    return 0


def _table(rows: dict[type[Peer], Row], left_out: list[str]) -> Iterator[str]:
    yield f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}; load before it {_LOAD_BEFORE:.1f}.\n"
    yield _HEADER
    rates = _hooks_a_second()
    for kind, row in rows.items():
        yield _line(kind, row, rows.get(Ours, row), rates.get(kind))
    for one in left_out:
        yield f"\nLeft out: {one}."


def _hooks_a_second() -> dict[type[Peer], float]:
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        loads = hooks.loads(Path(directory), rounds=5)
    return {
        kind: median([load.per_second for load in loads[name]])
        for kind, name in ((Ours, "proved"), (Script, "theirs"))
    }


def _hangs(*_: object) -> None:
    raise AssertionError(f"not done within {_PATIENCE} s")


def _measured(kind: type[Peer]) -> Row:
    engine = start_engine()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as directory,
            World(engine, Path(directory)) as world,
        ):
            peer = kind(world)
            try:
                return measure(peer)
            finally:
                peer.end()
    finally:
        engine.stop()


def _machine() -> str:
    engine = start_engine()
    try:
        version = engine.docker("version", "--format", "{{.Server.Version}}")
        compose = engine.docker("compose", "version", "--short")
    except EngineTrouble:
        compose = "none"
    finally:
        engine.stop()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Docker {version}, Compose {compose},"
        f" Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"
    )


def _line(kind: type[Peer], row: Row, ours: Row, rate: float | None) -> str:
    killed = "down until somebody acts"
    if row.recovered is not None:
        killed = f"recovers; silent for {row.recovered:.1f} s"
    cells = (
        kind.name,
        kind.told,
        f"{row.gap * 1000:.0f} ms ({row.gap / ours.gap:.2f} ×)",
        f"{row.healthy:.1f} s ({row.healthy / ours.healthy:.2f} ×)",
        f"{row.lost:,} of {row.sick.requests:,}",
        killed,
        f"{row.processor * 100:.1f} %" if row.memory else "no process",
        f"{row.memory:.0f} MB" if row.memory else "–",
        f"{rate:,.0f}" if rate else "–",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
