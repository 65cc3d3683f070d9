"""What a person can do where a rollback failed: pure."""

from __future__ import annotations

from dataclasses import dataclass

from listener.drivers.names import parse_parked


@dataclass(frozen=True, slots=True)
class Wreck:
    """What is left of a swap. Names of containers, None for one that is not there.

    `holder` has the name `container` now; `good` is a digest to go back to; those `asleep` live off
    it and do not run.
    """

    target: str
    container: str
    old: str | None
    old_runs: bool
    new: str | None
    holder: str | None
    good: str | None
    asleep: tuple[str, ...] = ()


def remedy(wreck: Wreck) -> str:
    """The commands that help, in their order."""
    resume = f"`listener resume {wreck.target}`"
    commands = _commands(wreck)
    if wreck.asleep:
        commands.append(f"docker start {' '.join(wreck.asleep)}")
    return ", then ".join([*(f"`{command}`" for command in commands), resume])


def _commands(wreck: Wreck) -> list[str]:
    own = wreck.container
    back = f"listener rollback {wreck.target} --to {wreck.good}" if wreck.good else None
    if wreck.old == own:
        if not wreck.old_runs:
            return [f"docker start {own}"]
        return [back] if back else [f"docker logs {own}"]
    if wreck.old is not None:
        away = [f"docker rm -f {own}"] if wreck.holder else []
        return [*away, f"docker rename {wreck.old} {own}", f"docker start {own}"]
    named = []
    if wreck.holder is None:
        if wreck.new is None or parse_parked(wreck.new) is None:
            return [f"docker run --name {own} …"]
        named = [f"docker rename {wreck.new} {own}"]
    return [*named, back] if back else [*named, f"docker start {own}"]
