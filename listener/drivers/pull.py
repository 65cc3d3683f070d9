"""A pull that tries again as long as that may help, and says why when it no longer does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound, PullFault
from listener.drivers.image_calls import OnProgress
from listener.model.auth import Auth, CredentialsFault
from listener.model.base import format_duration, utc_now
from listener.model.reference import parse_reference

REGISTRY_LAG = timedelta(seconds=60)
"""Registries announce a push before every one of their replicas can serve it."""

_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)


class CredentialSource(Protocol):
    """Knows how to log in at a registry; asked anew for every try, since tokens expire."""

    async def for_host(self, host: str) -> Auth | None:
        """The credentials, None for anonymous; raises CredentialsFault."""


async def pull_with_retries(  # noqa: PLR0913 - three of them have defaults and go by keyword
    engine: Engine,
    image: str,
    digest: str,
    credentials: CredentialSource,
    *,
    pull_timeout: float,
    platform: str | None = None,
    pushed_at: datetime | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Makes ``image@digest`` present on the engine and answers its inspect.

    `image` is ``registry/repository``, `platform` as `Engine.pull` takes it. "Not found" is
    believed 60 s after `pushed_at`, at once where there was no push. Raises PullFault (kind never
    "transient": when patience ends, that is "final") and EngineAway.
    """
    try:
        found = await engine.inspect_digest(image, digest)
    except NotFound:
        pass
    else:
        # A pull that was refused for its platform has left it here.
        engine.check_platform(f"{image}@{digest}", found, platform)
        return found
    patience = _Patience(pull_timeout, pushed_at)
    retrying = AsyncRetrying(
        retry=retry_if_exception(patience.worth_another),
        wait=patience.pause,
        reraise=True,
    )

    async def once() -> dict[str, Any]:
        auth = await _log_in(credentials, image)
        return await engine.pull(image, digest, auth, on_progress, platform=platform)

    try:
        async with asyncio.timeout(pull_timeout):
            return await retrying(once)
    except TimeoutError:
        raise PullFault("final", patience.out_of_time(image, digest)) from patience.last
    except PullFault as fault:
        if fault.kind != "transient":
            raise
        raise PullFault("final", f"{fault.message}, after {patience.tries} tries") from fault


async def _log_in(credentials: CredentialSource, image: str) -> Auth | None:
    host = parse_reference(image).registry
    try:
        return await credentials.for_host(host)
    except CredentialsFault as fault:
        raise PullFault("denied", str(fault), repeats=1) from fault


class _Patience:
    """Which faults deserve another try, and how long to wait before it."""

    def __init__(self, pull_timeout: float, pushed_at: datetime | None) -> None:
        loop = asyncio.get_running_loop()
        self._timeout = pull_timeout
        self._deadline = loop.time() + pull_timeout
        self._believed_from = pushed_at + REGISTRY_LAG if pushed_at else None
        self._seen: Counter[tuple[str, int | None]] = Counter()
        self._pause = 0.0
        self.tries = 0
        self.last: PullFault | None = None

    def worth_another(self, fault: BaseException) -> bool:
        """Whether to try again; also settles how long to wait."""
        if not isinstance(fault, PullFault):
            return False
        self.tries += 1
        self.last = fault
        self._pause = self._pause_before(fault)
        if asyncio.get_running_loop().time() + self._pause > self._deadline:
            return False
        sort = fault.kind, fault.repeats
        self._seen[sort] += 1
        if fault.repeats is not None and self._seen[sort] > fault.repeats:
            return False
        if fault.kind == "not_found":
            return self._believed_from is not None and utc_now() < self._believed_from
        return fault.kind in ("transient", "denied")

    def _pause_before(self, fault: PullFault) -> float:
        grown = _PAUSES[min(self.tries, len(_PAUSES)) - 1]
        # Many workers hear of the same push: they shall not come back all at once.
        return max(fault.retry_after or 0.0, grown) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret depends on it

    def pause(self, _state: RetryCallState) -> float:
        """Seconds until the next try."""
        return self._pause

    def out_of_time(self, image: str, digest: str) -> str:
        """Why the pull was given up while it ran."""
        last = f"; before that: {self.last.message}" if self.last else ""
        return (
            f"The pull of {image}@{digest} did not finish within "
            f"{format_duration(self._timeout)}{last}"
        )
