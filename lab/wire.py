"""A wire to a server that a test can cut: what is sent meanwhile arrives when it is mended."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from listener.demo.process import Server


class Wire(Server):
    """Passes bytes between a free port of 127.0.0.1 and another one.

    A cut one is silent, as a network is: connections stay open, and nobody is told.
    """

    def __init__(self, port: int) -> None:
        self._far = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._whole = threading.Event()
        self._ends: list[socket.socket] = []

    def start(self) -> None:
        """Lets bytes through."""
        self._whole.set()
        threading.Thread(target=self._admit, daemon=True).start()

    def stop(self) -> None:
        """Ends every connection."""
        self._whole.set()
        for end in (self._door, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """From now on nothing arrives."""
        self._whole.clear()

    def mend(self) -> None:
        """What was sent meanwhile arrives late, as TCP repeats it."""
        self._whole.set()

    def _admit(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._whole.wait()
        with suppress(OSError):
            far = socket.create_connection(("127.0.0.1", self._far))
            self._ends += [near, far]
            threading.Thread(target=self._pass_on, args=(far, near), daemon=True).start()
            self._pass_on(near, far)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
