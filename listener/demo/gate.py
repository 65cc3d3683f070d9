"""A gate before the engine's socket that a test can close: the engine goes away and comes back.

It also can refuse single calls, as an engine does whose disk or whose own records are broken.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_REFUSED = b'{"message": "device or resource busy"}'
_REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_REFUSED), _REFUSED)
)


class EngineGate:
    """Passes bytes between a unix socket of its own and the engine's, while it is up."""

    def __init__(self, engine: Path, directory: Path) -> None:
        self.engine = engine
        self.socket = directory / "gate.sock"
        self.delay = 0.0
        """Seconds by which the opening of each new connection is held back."""
        self.refused: re.Pattern[bytes] | None = None
        """Calls whose first line matches are answered with 500."""
        self._door: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> EngineGate:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        """What goes under ``engine:`` in a configuration."""
        return f"unix://{self.socket}"

    def up(self) -> None:
        """Lets connections through."""
        if self._door is not None:
            return
        self.socket.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(self.socket))
        door.listen(64)
        self._door = door
        threading.Thread(target=self._admit, args=(door,), daemon=True).start()

    def down(self) -> None:
        """Ends every connection and refuses new ones, as a stopped engine would."""
        door, self._door = self._door, None
        if door is None:
            return
        self.socket.unlink(missing_ok=True)
        _end(door)
        with self._lock:
            for connection in self._open:
                _end(connection)
            self._open.clear()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Down in this block: what is done at the engine meanwhile is found done, all of it."""
        self.down()
        try:
            yield
        finally:
            self.up()

    def _refuses(self, data: bytes) -> bool:
        # A call without a body comes in one piece, and after the answer to the one before.
        first = data.partition(b"\r\n")[0]
        return self.refused is not None and self.refused.match(first) is not None

    def _admit(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                caller, _ = door.accept()
                threading.Thread(target=self._connect, args=(door, caller), daemon=True).start()

    def _connect(self, door: socket.socket, caller: socket.socket) -> None:
        time.sleep(self.delay)
        engine = socket.socket(socket.AF_UNIX)
        try:
            engine.connect(str(self.engine))
        except OSError:
            _end(caller)
            engine.close()
            return
        with self._lock:
            if self._door is not door:
                _end(caller)
                _end(engine)
                return
            self._open.update((caller, engine))
        back = threading.Thread(target=_pass_on, args=(engine, caller), daemon=True)
        back.start()
        _pass_on(caller, engine, self._refuses)
        back.join()
        with self._lock:
            self._open.difference_update((caller, engine))
        caller.close()
        engine.close()


def _pass_on(
    source: socket.socket, sink: socket.socket, refuses: Callable[[bytes], bool] | None = None
) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if refuses is not None and refuses(data):
                source.sendall(_REFUSAL)
            else:
                sink.sendall(data)
    # Half a connection may end before the other half: exec and attach streams depend on it.
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
