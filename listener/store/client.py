"""The connection to Redis: the one place where its faults become `Unavailable`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from listener.config.redis_address import check_redis, sentinel_address
from listener.store import keys
from listener.store.errors import NewerSchema, Unavailable
from listener.store.sentinels import Sentinels

SCHEMA = 1
"""The layout of keys and records that this release writes; it reads all earlier ones as well."""

CONNECT_TIMEOUT = 2.0
COMMAND_TIMEOUT = 5.0
LONGEST_BLOCK = 3.0
"""Blocking reads end well before the time limit of a command would cut them."""

REPLICA_LAG = 10
"""Seconds since a replica's last sign after which it is not waited for; the default of Redis' own
``min-replicas-max-lag``."""
REPLICA_TIMEOUT = 1.0

_REFUSALS = (ClusterError, NoPermissionError, OutOfMemoryError, ReadOnlyError, TryAgainError)
_REFUSAL_CODES = re.compile(
    r"\b(LOADING|READONLY|MISCONF|OOM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|BUSY"
    r"|NOAUTH|WRONGPASS|NOPERM)\b"
)
"""The library has classes for some, and hides the code then; inside scripts the code is in the
middle of the message."""

_REPLICA = re.compile(r"^slave\d+:.*state=online.*\blag=(\d+)", re.MULTILINE)

Reply: TypeAlias = Any
"""What a command answers, as the protocol's version 2 has it: text, number, list or None."""

Argument: TypeAlias = str | bytes | int | float


class Store:
    """A connection pool to one Redis.

    Methods raise `Unavailable` with a sentence. Made by `connect`.
    """

    def __init__(self, server: Redis | Sentinels, *, only_looks: bool = False) -> None:
        self._sentinels = server if isinstance(server, Sentinels) else None
        self._client = client = server.client if isinstance(server, Sentinels) else server
        # The library shapes answers differently from version to version; the protocol does not.
        client.response_callbacks.clear()
        self._only_looks = only_looks
        self._scripts: dict[str, AsyncScript] = {}
        self._met = False
        self._replicas = 0

    @property
    def where(self) -> str:
        """Names the server, without its password; behind Sentinels the master of now."""
        return self._sentinels.where if self._sentinels else _where(self._client)

    @property
    def behind_sentinels(self) -> bool:
        """Whether Sentinels say which server it is."""
        return self._sentinels is not None

    async def call(self, *command: Argument) -> Reply:
        """One command."""
        async with self._faults():
            await self._meet()
            return await self._execute(*command)

    async def pipe(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Several commands in one round trip, not indivisible; for readers."""
        if not commands:
            return []
        async with self._faults():
            await self._meet()
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def run(self, script: str, names: Sequence[str], arguments: Sequence[Argument]) -> Reply:
        """One script of `scripts`, by its digest; loaded first where the server lacks it.

        Where the server has replicas it answers only once those that follow have what was written,
        and raises `Unavailable` where none says so in time: then it is written here, and perhaps
        lost by a failover.
        """
        async with self._faults():
            await self._meet()
            if self._replicas:
                return await self._run_replicated(script, names, arguments)
            if script not in self._scripts:
                self._scripts[script] = self._client.register_script(script)
            return await self._scripts[script](keys=names, args=arguments)

    async def confirm_master(self) -> None:
        """Returns when most Sentinels name a master; from then on all calls go to that one.

        At once where the address is not of Sentinels.
        """
        if self._sentinels is not None:
            async with self._faults():
                await self._sentinels.confirm()

    async def look(self) -> None:
        """Finds out who is master and whether replicas follow it; call it now and then."""
        await self.confirm_master()
        async with self._faults():
            await self._meet()
            # INFO alone is answered also by a server that still loads its data.
            await self._execute("GET", keys.SCHEMA)
            await self._look_for_replicas()

    async def close(self) -> None:
        """Closes all connections; nothing may be called afterwards."""
        await self._client.aclose()
        if self._sentinels is not None:
            await self._sentinels.close()

    async def _execute(self, *command: Argument) -> Reply:
        return await self._client.execute_command(*command)  # type: ignore[no-untyped-call] # theirs

    async def _run_replicated(
        self, script: str, names: Sequence[str], arguments: Sequence[Argument]
    ) -> Reply:
        async with self._client.pipeline(transaction=False) as pipeline:
            # The text itself: a replica that was just promoted knows no digest.
            pipeline.execute_command("EVAL", script, len(names), *names, *arguments)
            # All that follow: Sentinels may promote the one that is a moment behind the others.
            pipeline.execute_command("WAIT", self._replicas, round(REPLICA_TIMEOUT * 1000))
            answer, copies = await pipeline.execute()
        if copies < self._replicas:
            await self._look_for_replicas()
        if copies < 1:
            raise Unavailable(
                f"no replica of Redis at {self.where} took a write within {REPLICA_TIMEOUT:g} s"
            )
        return answer

    async def _meet(self) -> None:
        """What must be known of a server before the first call, and after each loss of it."""
        if self._met:
            return
        await self._execute("SET", keys.SCHEMA, SCHEMA, "NX")
        found = await self._execute("GET", keys.SCHEMA)
        if found is not None and (not found.isdigit() or int(found) > SCHEMA):
            raise NewerSchema(
                f"the data in Redis at {self.where} has layout {found}, this release knows"
                f" {SCHEMA}: start a newer release, or use another database"
            )
        if found is not None and int(found) < SCHEMA and not self._only_looks:
            # From here on there may be records that an earlier release cannot read.
            await self._execute("SET", keys.SCHEMA, SCHEMA)
        await self._look_for_replicas()
        self._met = True

    async def _look_for_replicas(self) -> None:
        try:
            facts = str(await self._execute("INFO", "replication"))
        except ResponseError:  # not allowed here
            facts = ""
        self._replicas = sum(int(lag) <= REPLICA_LAG for lag in _REPLICA.findall(facts))

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                yield
        except TimeoutError as fault:
            self._met = False
            raise Unavailable(
                f"Redis at {self.where} does not answer within {COMMAND_TIMEOUT:g} s"
            ) from fault
        except AuthenticationError as fault:
            raise Unavailable(f"Redis at {self.where} refuses: {fault}") from fault
        except (NoConnection, NoAnswer) as fault:
            # It may come back with other data.
            self._met = False
            raise Unavailable(f"Redis at {self.where} does not answer: {fault}") from fault
        except ResponseError as fault:
            if not isinstance(fault, _REFUSALS) and not _REFUSAL_CODES.search(str(fault)):
                raise
            if "READONLY" in str(fault) or isinstance(fault, ReadOnlyError):
                # It was the master: what now has its name or address may be another server.
                self._met = False
                await self._client.connection_pool.disconnect()
            raise Unavailable(f"Redis at {self.where} refuses: {fault}") from fault
        except RedisError as fault:
            raise Unavailable(f"Redis at {self.where}: {fault}") from fault


async def connect(url: str, *, only_looks: bool = False) -> Store:
    """A store for every address that `listener.config.redis_address` takes.

    Whoever `only_looks` leaves data of an earlier layout to the earlier release.
    Returns also while Redis is away: each call then raises `Unavailable` until it is back.
    Raises `NewerSchema` where a newer release owns the data, ValueError for an address that
    cannot be one.
    """
    try:
        behind = sentinel_address(check_redis(url))
    except ValueError as problem:
        raise ValueError(f"the address of Redis {problem}") from None
    options: dict[str, Any] = {
        "decode_responses": True,
        # Foreign bytes must not stop a reader: they become undecodable entries, which it skips.
        "encoding_errors": "replace",
        "protocol": 2,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        # The library's own limit sends with `asyncio.wait_for`, which loses a cancellation in
        # Python 3.11 when the command has gone out in the same moment.
        "socket_timeout": None,
        # Once more on a connection that died while idle, within the time limit of the command.
        "retry": Retry(ConstantBackoff(0.05), 1, supported_errors=(NoConnection,)),
        "client_name": "listener",
        # It would be sent with every connection, and logged where it is not allowed.
        "driver_info": None,
    }
    if behind is not None:
        store = Store(Sentinels(behind, **options), only_looks=only_looks)
    else:
        if url.startswith("rediss:"):
            options["ssl_check_hostname"] = True
        store = Store(Redis.from_url(url, **options), only_looks=only_looks)
    try:
        await store.look()
    except NewerSchema:
        await store.close()
        raise
    except Unavailable:
        pass
    return store


def _where(client: Redis) -> str:
    options = client.connection_pool.connection_kwargs
    if "path" in options:
        return str(options["path"])
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
