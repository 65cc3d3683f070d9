"""The same questions to each peer."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.figure import median
from bench.peers.peer import Peer
from bench.proc import cpu_seconds, resident_megabytes
from lab.neighbour import Neighbour, Seen
from listener.demo.app import Behaviour, Check, Release
from listener.demo.engine import LABEL, EngineTrouble
from listener.demo.process import program
from listener.demo.waiting import NeverHappened, wait_for

_ROUNDS = 5
_RATE = 50.0
_SICK_SECONDS = 30.0
_IDLE_SECONDS = 20.0
_PATIENCE = 60.0
_VERSION = "bench.version"


@dataclass(frozen=True)
class Row:
    """What came out; times in seconds. `recovered` None: not by itself."""

    gap: float
    healthy: float
    sick: Seen
    recovered: float | None
    processor: float
    memory: float

    @property
    def lost(self) -> int:
        """Requests that a sick release failed, or answered itself."""
        sick = sum(count for version, count in self.sick.answers.items() if "sick" in version)
        return len(self.sick.failures) + sick


def measure(peer: Peer) -> Row:
    """Good releases, idling, a sick release, and death in the middle."""
    first = _release("1")
    peer.world.push("web", first)
    peer.begin(first)
    neighbour = _neighbour(peer)
    swaps = [_swap(peer, neighbour, f"good-{number}") for number in range(_ROUNDS)]
    processor, memory = _idle(peer)
    sick = _sick(peer, neighbour)
    # Whatever the sick one has left, a good release follows.
    _swap(peer, neighbour, "good-again")
    return Row(
        gap=median([gap for gap, _ in swaps]),
        healthy=median([healthy for _, healthy in swaps]),
        sick=sick,
        recovered=_recovered(peer, neighbour),
        processor=processor,
        memory=memory,
    )


def _release(version: str, behaviour: Behaviour = Behaviour.GOOD) -> Release:
    return Release(version, behaviour, check=Check(timeout=30), labels=((_VERSION, version),))


def _neighbour(peer: Peer) -> Neighbour:
    return Neighbour(peer.world.engine, peer.network, peer.world.session)


def _swap(peer: Peer, neighbour: Neighbour, version: str) -> tuple[float, float]:
    """The longest silence, and the time from the push until the new one is healthy."""
    watching = neighbour.begins(peer.host, seconds=600, rate=_RATE)
    with _events(peer, "health_status", version) as events:
        peer.world.push("web", _release(version))
        pushed = time.time()
        peer.act()
        healthy = next((event for event in events if _is_healthy(event)), None)
    if healthy is None:
        raise AssertionError(f"{version} never became healthy")
    peer.settle()
    wait_for(lambda: neighbour.asks(peer.host) == version, f"{version} answers", timeout=60)
    return watching.stops().gap, healthy["timeNano"] / 1e9 - pushed


def _is_healthy(event: dict[str, Any]) -> bool:
    return bool(event["Action"] == "health_status: healthy")


@contextmanager
def _events(
    peer: Peer, event: str, version: str | None = None
) -> Iterator[Iterator[dict[str, Any]]]:
    """What the engine tells of the world's containers, or of one version of the app."""
    label = f"{_VERSION}={version}" if version else f"{LABEL}={peer.world.session}"
    listening = subprocess.Popen(
        [
            *(
                "timeout",
                str(_PATIENCE * 2),
                program("docker"),
                "--host",
                peer.world.engine.url,
                "events",
                "--since",
                "0m",
            ),
            *("--filter", "type=container", "--filter", f"event={event}"),
            *("--filter", f"label={label}", "--format", "{{json .}}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert listening.stdout
    try:
        yield (json.loads(line) for line in listening.stdout)
    finally:
        listening.kill()
        listening.wait()


def _idle(peer: Peer) -> tuple[float, float]:
    """Share of one core, and megabytes."""
    before = sum(map(cpu_seconds, peer.processes()))
    time.sleep(_IDLE_SECONDS)
    used = sum(map(cpu_seconds, peer.processes())) - before
    return used / _IDLE_SECONDS, sum(map(resident_megabytes, peer.processes()))


def _sick(peer: Peer, neighbour: Neighbour) -> Seen:
    watching = neighbour.begins(peer.host, seconds=_SICK_SECONDS, rate=_RATE)
    peer.world.push("web", _release("sick", Behaviour.SICK))
    peer.act()
    seen = watching.ends()
    peer.settle()
    return seen


def _recovered(peer: Peer, neighbour: Neighbour) -> float | None:
    """How long nobody answered, in seconds; None where nobody did for a minute after the kill."""
    watching = neighbour.begins(peer.host, seconds=600, rate=_RATE)
    version = "killed" if peer.middle == "start" else None
    with _events(peer, peer.middle, version) as events:
        peer.world.push("web", _release("killed"))
        peer.act()
        next(events, None)
        peer.kill()
    killed = time.monotonic()
    peer.restart()
    try:
        if peer.engine:
            # The client's own container has died with the engine.
            neighbour = wait_for(
                lambda: _neighbour(peer), "a new client", forgive=(OSError, EngineTrouble)
            )
        wait_for(lambda: neighbour.asks(peer.host), "somebody answers", timeout=_PATIENCE)
        answered = time.monotonic() - killed
        peer.settle()
    except NeverHappened:
        return None
    finally:
        seen = watching.stops()
    return answered if peer.engine else seen.gap
