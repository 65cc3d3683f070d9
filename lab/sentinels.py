"""Redis as Sentinels keep it: a master, two replicas, and three Sentinels that watch them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.redis_server import RedisServer
from listener.demo.ports import free_port
from listener.demo.process import Process, Server, program
from listener.demo.waiting import wait_for

SERVICE = "shop"


class Sentineled(Server):
    """Three servers and three Sentinels on free ports of 127.0.0.1, or of an `address`.

    The Sentinels take a server for dead after five seconds without an answer: a busy machine is no
    failover.
    """

    def __init__(self, directory: Path, *, address: str = "127.0.0.1") -> None:
        self._address = address
        first = RedisServer(_made(directory / "r0"), address=address)
        follow = ("--replicaof", address, str(first.port), "--repl-diskless-sync-delay", "0")
        self.servers = [
            first,
            *(
                RedisServer(_made(directory / f"r{n}"), settings=follow, address=address)
                for n in (1, 2)
            ),
        ]
        self.ports = [free_port() for _ in range(3)]
        self._sentinels = [
            self._sentinel(_made(directory / f"s{n}"), port, first.port)
            for n, port in enumerate(self.ports)
        ]
        hosts = ",".join(f"{address}:{port}" for port in self.ports)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}"
        self._stack = ExitStack()

    def start(self) -> None:
        """Starts all, and returns once each Sentinel knows all replicas and the others."""
        for server in self.servers:
            self._stack.callback(server.kill)
            server.start()
        wait_for(lambda: self._replicas(self.servers[0].port) == 2, "both replicas follow")
        for sentinel in self._sentinels:
            self._stack.callback(sentinel.kill)
            sentinel.start()
        wait_for(self._complete, "the Sentinels know each other and both replicas")

    def stop(self) -> None:
        """Kills all of them: what they hold is of no use any more."""
        self._stack.close()

    @property
    def master(self) -> RedisServer:
        """The server that the Sentinels name now."""
        port = self._ask(self.ports[0], "sentinel", "get-master-addr-by-name", SERVICE)[1]
        return next(server for server in self.servers if str(server.port) == port)

    def wait_for_another(self, old: RedisServer) -> RedisServer:
        """Returns the new master once all Sentinels name one that takes writes."""

        def promoted() -> bool:
            named = {
                self._ask(port, "sentinel", "get-master-addr-by-name", SERVICE)[1]
                for port in self.ports
            }
            return len(named) == 1 and str(old.port) not in named and self._is_master(named.pop())

        wait_for(promoted, "the Sentinels promote a replica", timeout=90)
        return self.master

    def wait_for_replicas(self) -> None:
        """Returns once both follow the master."""
        wait_for(lambda: self._replicas(self.master.port) == 2, "both replicas follow", timeout=60)

    def _replicas(self, port: int) -> int:
        return str(self._ask(port, "info", "replication")).count("state=online")

    @contextmanager
    def one_sentinel_left(self) -> Iterator[None]:
        """Two of them are down meanwhile."""
        for sentinel in self._sentinels[:2]:
            sentinel.kill()
        yield
        for sentinel in self._sentinels[:2]:
            sentinel.start()
        wait_for(self._complete, "the Sentinels know each other again")

    def _is_master(self, port: str) -> bool:
        return self._ask(int(port), "role")[0] == "master"

    def _complete(self) -> bool:
        def knows(port: int) -> bool:
            facts = self._ask(port, "sentinel", "master", SERVICE)
            told = dict(zip(facts[::2], facts[1::2], strict=False))
            return told["num-slaves"] == "2" and told["num-other-sentinels"] == "2"

        return all(knows(port) for port in self.ports)

    def _ask(self, port: int, *command: str) -> list[str]:
        done = subprocess.run(
            [program("redis-cli"), "-h", self._address, "-p", str(port), *command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if done.returncode:
            raise ConnectionError(done.stderr.strip() or f"port {port} does not answer")
        return done.stdout.splitlines()

    def _sentinel(self, directory: Path, port: int, master: int) -> Process:
        file = directory / "sentinel.conf"
        file.write_text(
            f"port {port}\nbind {self._address}\nprotected-mode no\ndir {directory}\n"
            f"sentinel monitor {SERVICE} {self._address} {master} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 5000\n"
            f"sentinel failover-timeout {SERVICE} 6000\n"
        )
        command = [program("redis-server"), str(file), "--sentinel"]
        return Process(command, directory / "sentinel.log")


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory
