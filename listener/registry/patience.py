"""Asking a registry when nothing is urgent: seldom, never twice for the same, and not at all while
it wants to be left alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from listener.model.reference import Reference
from listener.registry.cosign import Reads
from listener.registry.faults import LeftAlone, RegistryAway, RegistryFault

_FRESH = 5.0
"""Seconds: so long an answer is good for whoever asks the same."""
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 900.0
_SPARED = 0.1
"""The share of a limit that is left for pulls."""
_NO_RESET = 900.0
_EPOCH = 1e9

Clock = Callable[[], float]
Answer = TypeVar("Answer")


class Asks(Reads, Protocol):
    """What is asked of registries."""

    async def digest(self, image: Reference, tag: str) -> str:
        """The digest that a tag names now."""

    async def tags(self, image: Reference) -> list[str]:
        """Every tag of a repository."""


@dataclass
class _Registry:
    until: float = 0.0
    faults: int = 0


class Limits:
    """What registries say of their limits: host -> until when it is to be left alone."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Registry] = {}

    def rest(self, host: str) -> float:
        """Seconds for which a registry is to be left alone; 0 where it may be asked."""
        return max(0.0, self._of(host).until - self._clock())

    def read(self, host: str, headers: Mapping[str, str]) -> None:
        """Takes note of how much may still be asked, where an answer says it.

        Docker Hub says ``ratelimit-remaining: 76;w=21600``, others give the reset beside it, in
        seconds or as a time.
        """
        left, window = _quantity(headers, "ratelimit-remaining", "x-ratelimit-remaining")
        limit, _ = _quantity(headers, "ratelimit-limit", "x-ratelimit-limit")
        if left is None or left > (limit or 0.0) * _SPARED:
            return
        reset, _ = _quantity(headers, "ratelimit-reset", "x-ratelimit-reset")
        if reset is not None and reset > _EPOCH:
            reset -= time.time()
        seconds = reset if reset is not None else window if left == 0 else None
        self._leave(host, min(_NO_RESET if seconds is None else seconds, 4 * _NO_RESET))

    def answered(self, host: str) -> None:
        """It is there."""
        self._of(host).faults = 0

    def failed(self, host: str, retry_after: float | None) -> None:
        """It is not, or wants to be left alone: each time for longer."""
        registry = self._of(host)
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(registry.faults, 10))
        registry.faults += 1
        # Not all hosts come back in the same moment.
        self._leave(host, max(retry_after or 0.0, pause) * random.uniform(1.0, 1.3))  # noqa: S311

    def _leave(self, host: str, seconds: float) -> None:
        registry = self._of(host)
        registry.until = max(registry.until, self._clock() + seconds)

    def _of(self, host: str) -> _Registry:
        return self._known.setdefault(host, _Registry())


class Patient:
    """A resolver for what can wait. Raises LeftAlone too, where it did not ask at all."""

    def __init__(self, resolver: Asks, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._resolver = resolver
        self._limits = limits
        self._clock = clock
        # Any: the question tells the kind of its answer.
        self._answers: dict[object, tuple[float, asyncio.Task[Any]]] = {}

    async def digest(self, image: Reference, tag: str) -> str:
        """The digest that a tag names now."""
        ask = self._resolver.digest
        return await self._once(image.registry, (image, tag), lambda: ask(image, tag))

    async def tags(self, image: Reference) -> list[str]:
        """Every tag of a repository."""
        ask = self._resolver.tags
        return await self._once(image.registry, image, lambda: ask(image))

    async def manifest(self, image: Reference, reference: str) -> bytes:
        """A manifest by tag or digest, asked for anew each time."""
        return await self._resolver.manifest(image, reference)

    async def referrers(self, image: Reference, digest: str) -> bytes:
        """The index of what refers to a digest, asked for anew each time."""
        return await self._resolver.referrers(image, digest)

    async def blob(self, image: Reference, digest: str) -> bytes:
        """A small blob, asked for anew each time."""
        return await self._resolver.blob(image, digest)

    async def _once(
        self, host: str, question: object, ask: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        now = self._clock()
        self._answers = {
            known: (at, asked)
            for known, (at, asked) in self._answers.items()
            if now - at < _FRESH and not _away(asked)
        }
        if question not in self._answers:
            rest = self._limits.rest(host)
            if rest > 0:
                raise LeftAlone(f"{host} is left alone for {rest:.0f} s", rest)
            self._answers[question] = now, asyncio.ensure_future(self._noting(host, ask))
        answer: Answer = await asyncio.shield(self._answers[question][1])
        return answer

    async def _noting(self, host: str, ask: Callable[[], Awaitable[object]]) -> object:
        try:
            answer = await ask()
        except RegistryAway as fault:
            self._limits.failed(host, fault.retry_after)
            raise
        except RegistryFault:
            self._limits.answered(host)
            raise
        self._limits.answered(host)
        return answer


def _away(asked: asyncio.Task[object]) -> bool:
    ended = asked.done() and not asked.cancelled()
    return asked.cancelled() or (ended and isinstance(asked.exception(), RegistryAway))


def _quantity(headers: Mapping[str, str], *names: str) -> tuple[float | None, float | None]:
    """The number of the first of these headers, and its window in seconds; None for none."""
    text = next((headers[name] for name in names if name in headers), "")
    number, *more = text.split(";")
    window = next((part.strip()[2:] for part in more if part.strip().startswith("w=")), "")
    return _number(number), _number(window)


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
