"""Several hosts on one machine: engines in network namespaces of their own, wired together.

A namespace more, the switch, holds the bridge between them: an engine forbids what crosses a bridge
of its own. The machine has a leg in the same network, at the first address, where a registry and
Redis listen for all hosts.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from lab.socket_proxy import Proxy
from listener.demo.engine import BEHIND, Engine, EngineTrouble, remove_home
from listener.demo.process import Process, Server, program
from listener.demo.waiting import wait_for


class Host(Engine):
    """One engine in its own network namespace, with a hostname of its own."""

    def __init__(self, home: Path, namespace: str, address: str, subnet: str) -> None:
        home.mkdir()
        path = home / "docker.sock"
        self.inside = (program("nsenter"), f"--net=/run/netns/{namespace}")
        """What runs a command in its network."""
        # Not `ip netns exec`, which hides the control groups that an engine needs. Older engines
        # keep their id in a directory of the whole machine.
        own = home / "etc"
        own.mkdir()
        become = (
            f"hostname {namespace} && mkdir -p /etc/docker && mount --bind {own} /etc/docker && "
            f"exec {program('dockerd')} " + '"$@"'
        )
        options = (
            *("--host", f"unix://{path}", "--pidfile", str(home / "docker.pid")),
            *("--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
            *("--insecure-registry", subnet),
        )
        process = Process(
            [
                *(*self.inside, program("unshare"), "--uts", "--mount"),
                *("sh", "-c", become, "dockerd", *options),
            ],
            home / "dockerd.log",
            # dockerd starts iptables, containerd and runc by name.
            env={"PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"},
        )
        super().__init__(path, process=process)
        self.name = namespace
        self.address = address
        self._proxy: Proxy | None = None

    @property
    def env(self) -> dict[str, str]:
        """With logins of its own, for the commands that send them to other hosts."""
        return {**super().env, "DOCKER_CONFIG": str(self.socket.parent / "client")}

    @property
    def listener_url(self) -> str:
        """Where a whole run goes through a socket proxy, one of its own with the same rules."""
        if BEHIND not in os.environ:
            return self.url
        if self._proxy is None:
            self._proxy = Proxy(self.socket.parent, self.socket)
        return self._proxy.url

    def stop(self) -> None:
        """Ends the engine."""
        if self._proxy is not None:
            self._proxy.process.stop()
        super().stop()

    def start(self) -> None:
        """Starts the engine, or starts it again; `answers` says when it is there."""
        if self.process is not None:
            self.process.start()

    @property
    def answers(self) -> bool:
        """Whether the engine answers; raises EngineTrouble where it has ended."""
        if self.process is not None and not self.process.alive:
            raise EngineTrouble(f"an engine did not start: {self.process.last_words(5)}")
        return super().answers

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Its wire is pulled: what was sent to it or by it is lost, and nobody is told."""
        _ip(self.name, "link", "set", "dev", "wire", "down")
        try:
            yield
        finally:
            _ip(self.name, "link", "set", "dev", "wire", "up")


class Hosts(Server):
    """`size` engines in one network; leaving it ends them and removes their files."""

    def __init__(self, size: int = 3) -> None:
        # Interfaces have short names.
        self.name = f"lh{secrets.token_hex(2)}"
        self._network = f"10.{random.randint(200, 250)}.{random.randint(0, 255)}"
        self.address = f"{self._network}.1"
        """The machine's own address in the network of the hosts."""
        self.hosts: list[Host] = []
        self._size = size
        self._undo = ExitStack()

    def start(self) -> None:
        """Builds the network and starts the engines."""
        if os.geteuid() != 0:
            raise EngineTrouble("only root can start the engines of several hosts")
        home = Path(tempfile.mkdtemp(prefix="listener-lab-hosts-", dir="/var/tmp"))
        self._undo.callback(remove_home, home)
        switch = self._namespace("switch")
        _ip(switch, "link", "add", "bridge", "type", "bridge")
        _ip(switch, "link", "set", "bridge", "up")
        self._plug(None, f"{self.name}-m", switch, f"{self.name}-mx", self.address)
        for number in range(1, self._size + 1):
            namespace = self._namespace(str(number))
            address = f"{self._network}.{number + 1}"
            self._plug(namespace, "wire", switch, f"{self.name}-{number}", address)
            host = Host(home / str(number), namespace, address, f"{self._network}.0/24")
            self.hosts.append(host)
            self._undo.callback(host.stop)
            host.start()
        for host in self.hosts:
            wait_for(partial(getattr, host, "answers"), f"{host.name} answers", timeout=90)

    def stop(self) -> None:
        """Ends the engines with all that runs on them."""
        for host in self.hosts:
            # All at once: each waits for its own containers.
            if host.process is not None:
                host.process.signal(signal.SIGTERM)
        self._undo.close()

    def _namespace(self, suffix: str) -> str:
        name = f"{self.name}-{suffix}"
        _ip(None, "netns", "add", name)
        self._undo.callback(partial(_ip, None, "netns", "del", name))
        _ip(name, "link", "set", "lo", "up")
        return name

    def _plug(
        self, namespace: str | None, port: str, switch: str, other: str, address: str
    ) -> None:
        """A cable between a namespace (None: the machine's own) and the switch."""
        _ip(namespace, "link", "add", port, "type", "veth", "peer", "name", other, "netns", switch)
        _ip(switch, "link", "set", "dev", other, "master", "bridge")
        _ip(switch, "link", "set", "dev", other, "up")
        _ip(namespace, "addr", "add", f"{address}/24", "dev", port)
        _ip(namespace, "link", "set", "dev", port, "up")


def _ip(namespace: str | None, *arguments: str) -> None:
    where: Sequence[str] = ("-n", namespace) if namespace else ()
    done = subprocess.run(
        [program("ip"), *where, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise EngineTrouble(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
