"""The state directory: who may work in it, and under which lasting id."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from listener.store.errors import AlreadyRunning, EmbeddedError


def prepare(state_dir: Path) -> None:
    """Makes the directory for its owner alone; one that exists is left as it is.

    Raises `EmbeddedError` where it cannot be made or written.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise EmbeddedError(
            f"the state directory {state_dir} cannot be made: {fault.strerror}; set state_dir to"
            " one that this user may write"
        ) from fault
    if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedError(
            f"the state directory {state_dir} cannot be written by user {os.getuid()}; give it to"
            " that user or set state_dir to another"
        )


def instance(state_dir: Path) -> str:
    """The id of this installation, made at the first call: the owner of its leases.

    Raises `EmbeddedError` where the directory cannot be used.
    """
    prepare(state_dir)
    path = state_dir / "instance"
    try:
        known = path.read_text().strip()
        if re.fullmatch(r"[0-9a-f]{32}", known):
            return known
    except FileNotFoundError:
        pass
    made = secrets.token_hex(16)
    draft = state_dir / f"instance.{os.getpid()}"
    with draft.open("w") as file:
        file.write(made + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return made


def lock_file(path: Path) -> int | None:
    """Takes the lock of a file and returns its descriptor; None where another process has it.

    The lock lasts as long as any process holds that descriptor, and ends with a SIGKILL too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class WorkerLock:
    """The right of one process to work in a state directory; ends with the process."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Takes it. Raises `AlreadyRunning` with the pid of the process that has it."""
        prepare(self._state_dir)
        path = self._state_dir / "run.lock"
        self._descriptor = lock_file(path)
        if self._descriptor is None:
            pid = path.read_text().strip() or "unknown"
            raise AlreadyRunning(
                f"another listener (pid {pid}) works in {self._state_dir}: stop it, or set"
                " state_dir to another directory"
            )
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Gives it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
