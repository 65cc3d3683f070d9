"""The composition root: settings in, a running process out, and its orderly end."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import resource
import secrets
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import structlog
from aiohttp import web

from listener import __version__
from listener.config import (
    Address,
    ConfigError,
    Settings,
    changes,
    kept_until_restart,
    load,
)
from listener.logs import set_up_logs
from listener.observer import Observer
from listener.store import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedRedis,
    NewerSchema,
    PushLog,
    Store,
    WorkerLock,
    connect,
    instance,
)
from listener.telemetry import Metrics
from listener.web.admin import admin_app
from listener.web.auth import Gate
from listener.web.hooks import Hooks
from listener.web.metrics_page import MetricsPage
from listener.web.ports import CannotListen, listen, listen_when_free, prepare
from listener.web.public import public_app
from listener.worker import SwarmWorker, Worker

log = structlog.get_logger(__name__)

Role = Literal["serve", "work"]
_FAILED, _WRONG = 1, 2
_OPEN_FILES = 65_536
_GARBAGE = (10_000, 20, 50)
_ANSWERS_WITHIN = 2.0


def main_loop(settings: Settings, roles: frozenset[Role], config_path: Path | None) -> int:
    """Runs until SIGTERM or SIGINT; answers the exit code. Sentences go to standard error."""
    set_up_logs()
    # Metrics are rendered in a thread: a hook gives up its turn some ten times, and must not wait
    # 5 ms, the default, for each next one.
    sys.setswitchinterval(0.0001)
    # What was imported stays: looking through it for garbage would hold up hooks for 30 ms.
    gc.freeze()
    # Nor does most of what a worker knows of a hundred containers become garbage: by default it
    # would all be looked through, for 50 ms, at each deployment.
    gc.set_threshold(*_GARBAGE)
    _allow_many_connections()
    # Broken HTTP from strangers is answered by aiohttp and is no event of ours.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    if settings.redis is None and len(roles) == 1:
        (role,) = roles
        sys.stderr.write(
            f"listener: `listener {role}` shares a Redis with its other half: "
            "set redis: in the configuration, or use `listener run`\n"
        )
        return _WRONG
    try:
        return asyncio.run(_Process(settings, roles, config_path).run())
    except (AlreadyRunning, EmbeddedError, NewerSchema, CannotListen) as problem:
        sys.stderr.write(f"listener: {problem}\n")
        return _FAILED


def _first_of(problems: ExceptionGroup) -> Exception:
    """What a task group wraps: its sentence is the one to read, not the group's."""
    first = problems.exceptions[0]
    return _first_of(first) if isinstance(first, ExceptionGroup) else first


def _allow_many_connections() -> None:
    """Raises the limit of open files, 1,024 by habit, which strangers' connections would use up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Process:
    def __init__(
        self, settings: Settings, roles: frozenset[Role], config_path: Path | None
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._config_path = config_path
        self._metrics = Metrics()
        self._observer = Observer(self._metrics)
        self._stopping = asyncio.Event()
        self._reload = asyncio.Event()
        self._gate = Gate(settings.admin.listen.loopback, settings.admin.token)
        self._hooks: Hooks | None = None
        self._worker: Worker | None = None
        self._swarm_worker: SwarmWorker | None = None

    async def run(self) -> int:
        """Serves and works until it is told to stop; raises the first thing that went wrong."""
        try:
            async with AsyncExitStack() as stack:
                await self._live(stack)
        except ExceptionGroup as problems:
            raise _first_of(problems) from problems
        log.info("stopped")
        return 0

    async def _live(self, stack: AsyncExitStack) -> None:
        self._signals()
        owner = self._lock(stack)
        url = self._settings.redis
        if url is None:
            embedded = EmbeddedRedis(self._settings.state_dir)
            stack.push_async_callback(embedded.stop)
            url = await embedded.start()
        store = await connect(url)
        stack.push_async_callback(store.close)
        self._metrics.config_loaded(True, time.time())
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(self._observe(store)),
                group.create_task(self._follow_config()),
            ]
            await self._serve(store, owner, group, stack)
            for task in background:
                task.cancel()

    def _lock(self, stack: AsyncExitStack) -> str:
        """The owner of our lease: the state directory's id where we alone work in it."""
        if "work" not in self._roles:
            return secrets.token_hex(16)
        lock = WorkerLock(self._settings.state_dir)
        try:
            lock.acquire()
        except (AlreadyRunning, EmbeddedError):
            if self._settings.redis is None or len(self._roles) == 2:
                raise
            # A standby beside a worker of the same directory, or a directory that is not ours:
            # without the lock nobody is taken over before the lease runs out.
            return secrets.token_hex(16)
        stack.callback(lock.release)
        return instance(self._settings.state_dir)

    def _signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)

    async def _serve(
        self, store: Store, owner: str, group: asyncio.TaskGroup, stack: AsyncExitStack
    ) -> None:
        settings = self._settings
        pushes = PushLog(store, max_age=settings.history.pushes)
        workers: list[Worker | SwarmWorker] = []
        public = None
        if "work" in self._roles:
            alone = "serve" in self._roles
            parts = settings, store, owner, self._metrics, self._observer.renew
            self._worker = Worker(*parts, alone=alone)
            self._swarm_worker = SwarmWorker(*parts, alone=alone)
            workers = [self._worker, self._swarm_worker]
        page = MetricsPage(self._metrics.registry)
        ready = functools.partial(self._ready, store)
        admin = admin_app(store, pushes, page, self._gate, ready)
        inside = await prepare(admin, stack)
        waiting = None
        if not await self._listen_inside(inside, settings.admin.listen):
            later = listen_when_free(inside, settings.admin.listen)
            waiting = group.create_task(later, name="admin port")
        if "serve" in self._roles:
            self._metrics.watch_queue(lambda: self._observer.queue)
            self._hooks = Hooks(settings)
            hooks = public_app(self._hooks, pushes, self._metrics, self._observer.shown)
            public = await prepare(hooks, stack)
            await listen(public, settings.listen)
        # Last: where a port is taken, no container was touched.
        working = [group.create_task(worker.run()) for worker in workers]
        log.info(
            "started",
            version=__version__,
            pid=os.getpid(),
            roles=sorted(self._roles),
            listen=str(settings.listen) if public else None,
            admin=str(settings.admin.listen),
            config=str(settings.source) if settings.source else None,
        )
        await self._stopping.wait()
        log.info("stopping")
        for worker in workers:
            worker.stop()
        if waiting is not None:
            waiting.cancel()
        if public is not None:
            await public.cleanup()
        await asyncio.gather(*working)

    async def _listen_inside(self, runner: web.AppRunner, address: Address) -> bool:
        """Opens the admin port; False where that has to wait.

        `serve` and `work` of one machine may share a file, and with it this port. Either shows the
        same, from Redis: whoever comes second gets it when the other one has ended.
        """
        try:
            await listen(runner, address)
        except CannotListen as problem:
            if not problem.taken or len(self._roles) == 2:
                raise
            log.warning("no admin port for now", reason=str(problem))
            return False
        return True

    async def _observe(self, store: Store) -> None:
        def own() -> str | None:
            return self._worker.settings.host if self._worker is not None else None

        await self._observer.run(store, receives="serve" in self._roles, own=own)

    async def _ready(self, store: Store) -> list[str]:
        """What keeps it from being ready, asked anew: what was seen last may be ten seconds old."""
        problems = [await self._observer.ask(store, _ANSWERS_WITHIN)]
        if self._worker is not None:
            problems.append(await self._worker.ask(_ANSWERS_WITHIN))
        return [problem for problem in problems if problem]

    async def _follow_config(self) -> None:
        """Reloads on SIGHUP and when a file changed; a bad file leaves the old settings."""
        while True:
            watching = asyncio.create_task(_first_change(self._settings.files))
            asked = asyncio.create_task(self._reload.wait())
            try:
                await asyncio.wait((watching, asked), return_when=asyncio.FIRST_COMPLETED)
            finally:
                watching.cancel()
                asked.cancel()
            self._reload.clear()
            self._take_config()

    def _take_config(self) -> None:
        try:
            loaded = load(self._config_path, os.environ)
            settings, late = kept_until_restart(self._settings, loaded)
            if self._hooks is not None:
                self._hooks.replace(settings)
        except ConfigError as problem:
            self._refuse_config(problem.problems)
            self._settings = self._settings.model_copy(update={"files": problem.files})
            return
        except Exception as fault:
            # What serves and works must not end with it.
            log.exception("a fault of this program")
            self._refuse_config((f"a fault of this program: {type(fault).__name__}: {fault}",))
            return
        for name in self._hooks.names if self._hooks is not None else ():
            self._metrics.hook_known(name)
        for worker in (self._worker, self._swarm_worker):
            if worker is not None:
                worker.replace_settings(settings)
        self._gate.replace_token(settings.admin.token)
        self._settings = settings
        self._metrics.config_loaded(True, time.time())
        log.info("configuration reloaded", file=str(settings.source))
        if late:
            log.warning("these keys take effect at the next start only", keys=late)

    def _refuse_config(self, problems: tuple[str, ...]) -> None:
        self._metrics.config_loaded(False)
        log.error("new configuration refused, the old one stays in force", problems=problems)


async def _first_change(files: tuple[Path, ...]) -> None:
    async for _ in changes(files):
        return
