"""Listening: an application and an address in, an open port out."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import AsyncExitStack, suppress

import structlog
from aiohttp import web

from listener.config import Address

log = structlog.get_logger(__name__)

# So long a connection may be without a whole request: silent, or sending it byte by byte.
_SILENT = 30.0
_RETRY_EVERY = 2.0


class CannotListen(Exception):
    """A port that cannot be had, maybe since it is `taken`; the message is a sentence."""

    def __init__(self, sentence: str, *, taken: bool) -> None:
        super().__init__(sentence)
        self.taken = taken


async def prepare(app: web.Application, stack: AsyncExitStack) -> web.AppRunner:
    """An application made ready to listen; the stack ends it."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=5.0,
        keepalive_timeout=_SILENT,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def listen(runner: web.AppRunner, address: Address) -> None:
    """Opens the port; raises CannotListen."""
    try:
        await web.TCPSite(runner, address.host, address.port, backlog=1024).start()
    except OSError as problem:
        # asyncio wraps what the system says in words of its own, with the address once more.
        known = problem.errno in errno.errorcode
        reason = os.strerror(problem.errno or 0) if known else problem.strerror
        raise CannotListen(
            f"cannot listen on {address}: {reason}; end what uses that port, or choose another one",
            taken=problem.errno == errno.EADDRINUSE,
        ) from None


async def listen_when_free(runner: web.AppRunner, address: Address) -> None:
    """Opens a port that is taken, as soon as whoever has it leaves it."""
    while True:
        await asyncio.sleep(_RETRY_EVERY)
        with suppress(CannotListen):
            await listen(runner, address)
            log.info("the port is free now", listen=str(address))
            return
