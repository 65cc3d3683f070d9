"""Redis behind Sentinels: who is the master, as most of them say."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.connection import to_bool
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool
from redis.exceptions import RedisError

from listener.config.redis_address import SentinelAddress

ASK_TIMEOUT = 1.0

Master: TypeAlias = tuple[str, int]


class _Majority(Sentinel):
    """Asks all Sentinels at once, and believes what more than half of them say.

    The library believes the first one that answers. One that was cut off together with an old
    master still names that, and a worker beside them would go on as if nobody had taken over.
    """

    def __init__(self, address: SentinelAddress, **options: Any) -> None:
        login = address.sentinel_login
        super().__init__(  # type: ignore[no-untyped-call] # theirs
            address.hosts, sentinel_kwargs={**options, **login}
        )
        for sentinel in self.sentinels:
            sentinel.response_callbacks.clear()
        self._asking: set[asyncio.Task[Master | str]] = set()

    async def discover_master(self, service_name: str) -> Master:
        """The master's address; raises MasterNotFoundError where no majority names one."""
        asking = {
            asyncio.create_task(self._ask(sentinel, service_name)) for sentinel in self.sentinels
        }
        # Those that are slow end by themselves: a cancelled question would cost its connection.
        self._asking |= asking
        for question in asking:
            question.add_done_callback(self._asking.discard)
        votes: Counter[Master] = Counter()
        problems: list[str] = []
        for answered in asyncio.as_completed(asking):
            answer = await answered
            if isinstance(answer, str):
                problems.append(answer)
                continue
            votes[answer] += 1
            if votes[answer] > len(self.sentinels) // 2:
                return answer
        named = [f"{count} name {host}:{port}" for (host, port), count in votes.items()]
        raise MasterNotFoundError(
            f"no majority of its {len(self.sentinels)} Sentinels names one master:"
            f" {'; '.join([*named, *problems])}"
        )

    async def aclose(self) -> None:
        """Closes all connections to Sentinels."""
        for question in self._asking:
            question.cancel()
        await super().aclose()

    async def _ask(self, sentinel: Redis, service: str) -> Master | str:
        options = sentinel.connection_pool.connection_kwargs
        name = f"{options['host']}:{options['port']}"
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                answer = await sentinel.execute_command(  # type: ignore[no-untyped-call] # theirs
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", service
                )
        except TimeoutError:
            return f"{name} does not answer within {ASK_TIMEOUT:g} s"
        except RedisError as problem:
            return f"{name}: {problem}"
        if answer is None:
            return f"{name} knows no master named {service}"
        return str(answer[0]), int(answer[1])


class Sentinels:
    """The master of one service: a client of it, and whether it still is the master."""

    def __init__(self, address: SentinelAddress, **options: Any) -> None:
        self.service = address.service
        if address.tls:
            told: dict[str, Any] = {"ssl_check_hostname": "true", **address.options}
            told["ssl_check_hostname"] = to_bool(told["ssl_check_hostname"])
            options |= {**told, "ssl": True}
        self._majority = _Majority(address, **options)
        self._pool = SentinelConnectionPool(  # type: ignore[no-untyped-call] # theirs
            address.service, self._majority, db=address.db, **options, **address.login
        )
        self._master: Master | None = None
        self.client = Redis.from_pool(self._pool)

    @property
    def where(self) -> str:
        """The service, and its master where one is known."""
        if self._pool.master_address is None:
            return f"{self.service} (no master known)"
        host, port = self._pool.master_address
        return f"{host}:{port} (the master of {self.service})"

    async def confirm(self) -> None:
        """Returns when a majority names a master, and all connections lead to that one.

        Raises errors of the library.
        """
        master = await self._pool.get_master_address()  # type: ignore[no-untyped-call] # theirs
        if master != self._master:
            # What waits for an answer of the old one would believe it.
            await self._pool.disconnect()
            self._master = master

    async def close(self) -> None:
        """Closes the connections to the Sentinels."""
        await self._majority.aclose()
