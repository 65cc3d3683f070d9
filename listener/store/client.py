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

from listener.store import keys
from listener.store.errors import NewerSchema, Unavailable

SCHEMA = 1
"""The layout of keys and records that this release reads and writes."""

CONNECT_TIMEOUT = 2.0
COMMAND_TIMEOUT = 5.0
LONGEST_BLOCK = 3.0
"""Blocking reads end well before the time limit of a command would cut them."""

_SCHEMES = ("redis://", "rediss://", "unix://")

_REFUSALS = (ClusterError, NoPermissionError, OutOfMemoryError, ReadOnlyError, TryAgainError)
_REFUSAL_CODES = re.compile(
    r"\b(LOADING|READONLY|MISCONF|OOM|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|BUSY"
    r"|NOAUTH|WRONGPASS|NOPERM)\b"
)
"""The library has classes for some, and hides the code then; inside scripts the code is in the
middle of the message."""

Reply: TypeAlias = Any
"""What a command answers, as the protocol's version 2 has it: text, number, list or None."""

Argument: TypeAlias = str | int | float


class Store:
    """A connection pool to one Redis.

    Methods raise `Unavailable` with a sentence. Made by `connect`; `where` names the server
    without its password.
    """

    def __init__(self, client: Redis, where: str) -> None:
        self.where = where
        self._client = client
        # The library shapes answers differently from version to version; the protocol does not.
        client.response_callbacks.clear()
        self._scripts: dict[str, AsyncScript] = {}
        self._schema_checked = False

    async def call(self, *command: Argument) -> Reply:
        """One command."""
        async with self._faults():
            await self._check_schema()
            return await self._execute(*command)

    async def pipe(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Several commands in one round trip, not indivisible; for readers."""
        if not commands:
            return []
        async with self._faults():
            await self._check_schema()
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def run(self, script: str, names: Sequence[str], arguments: Sequence[Argument]) -> Reply:
        """One script of `scripts`, by its digest; loaded first where the server lacks it."""
        async with self._faults():
            await self._check_schema()
            if script not in self._scripts:
                self._scripts[script] = self._client.register_script(script)
            return await self._scripts[script](keys=names, args=arguments)

    async def ping(self) -> None:
        """Returns when Redis answers; raises `Unavailable` otherwise."""
        await self.call("PING")

    async def close(self) -> None:
        """Closes all connections; nothing may be called afterwards."""
        await self._client.aclose()

    async def _execute(self, *command: Argument) -> Reply:
        return await self._client.execute_command(*command)  # type: ignore[no-untyped-call] # theirs

    async def _check_schema(self) -> None:
        if self._schema_checked:
            return
        await self._execute("SET", keys.SCHEMA, SCHEMA, "NX")
        found = await self._execute("GET", keys.SCHEMA)
        if found is not None and (not found.isdigit() or int(found) > SCHEMA):
            raise NewerSchema(
                f"the data in Redis at {self.where} has layout {found}, this release knows"
                f" {SCHEMA}: start a newer release, or use another database"
            )
        self._schema_checked = True

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT):
                yield
        except TimeoutError as fault:
            self._schema_checked = False
            raise Unavailable(
                f"Redis at {self.where} does not answer within {COMMAND_TIMEOUT:g} s"
            ) from fault
        except (NoConnection, NoAnswer) as fault:
            # It may come back with other data.
            self._schema_checked = False
            raise Unavailable(f"Redis at {self.where} does not answer: {fault}") from fault
        except ResponseError as fault:
            if not isinstance(fault, _REFUSALS) and not _REFUSAL_CODES.search(str(fault)):
                raise
            raise Unavailable(f"Redis at {self.where} refuses: {fault}") from fault
        except RedisError as fault:
            raise Unavailable(f"Redis at {self.where}: {fault}") from fault


async def connect(url: str) -> Store:
    """A store for ``redis://``, ``rediss://`` and ``unix://`` addresses.

    Returns also while Redis is away: each call then raises `Unavailable` until it is back.
    Raises `NewerSchema` where a newer release owns the data, ValueError for an address that
    cannot be one.
    """
    if not url.startswith(_SCHEMES):
        raise ValueError("the address of Redis must start with redis://, rediss:// or unix://")
    client = Redis.from_url(
        url,
        decode_responses=True,
        # Foreign bytes must not stop a reader: they become undecodable entries, which it skips.
        encoding_errors="replace",
        protocol=2,
        socket_connect_timeout=CONNECT_TIMEOUT,
        # The library's own limit sends with `asyncio.wait_for`, which loses a cancellation in
        # Python 3.11 when the command has gone out in the same moment.
        socket_timeout=None,
        # Once more on a connection that died while idle, within the time limit of the command.
        retry=Retry(ConstantBackoff(0.05), 1, supported_errors=(NoConnection,)),
        client_name="listener",
    )
    store = Store(client, _where(client))
    try:
        await store.ping()
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
