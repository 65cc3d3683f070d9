"""A Redis server of our own that keeps every write on disk."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from listener.demo.ports import free_port
from listener.demo.process import Process, Server, program
from listener.demo.waiting import wait_for


class RedisServer(Server):
    """redis-server on a free port; killing and starting it again keeps its data.

    It listens at 127.0.0.1, or at an `address` that others can reach too.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = True,
        settings: Sequence[str] = (),
        address: str = "127.0.0.1",
    ) -> None:
        self.data = directory / "redis"
        self.data.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"redis://{address}:{self.port}/0"
        self._address = address
        keep = ["--appendonly", "yes", "--appendfsync", "always"] if durable else []
        self.process = Process(
            [
                program("redis-server"),
                *("--port", str(self.port), "--bind", address, "--dir", str(self.data)),
                *("--protected-mode", "no", "--save", "", "--maxmemory-policy", "noeviction"),
                *keep,
                *settings,
            ],
            directory / "redis.log",
        )

    def start(self) -> None:
        """Starts it and returns once it answers PONG."""
        self.process.start()
        wait_for(self._answers, f"Redis on port {self.port} answers")

    def stop(self) -> None:
        """Ends it in order."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()

    def lose_everything(self) -> None:
        """Stops it and deletes its data."""
        self.kill()
        shutil.rmtree(self.data)
        self.data.mkdir()

    def _answers(self) -> bool:
        with socket.create_connection((self._address, self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
