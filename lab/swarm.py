"""A real swarm: engines in network namespaces of their own, all of them managers.

One more namespace holds the bridge between them, for an engine forbids what crosses a bridge beside
it. The machine has a leg in that network, under its first address: there a registry listens for all
nodes. Needs root.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from lab.engine import Engine, EngineTrouble, remove_home
from lab.process import Process, Server, program
from lab.waiting import wait_for


class Node(Engine):
    """One engine of the swarm, in its own network namespace."""

    def __init__(self, home: Path, namespace: str, address: str, subnet: str) -> None:
        home.mkdir()
        path = home / "docker.sock"
        # Not `ip netns exec`, which hides the control groups that an engine needs. The swarm knows
        # a node by its hostname.
        become = f"hostname {namespace} && exec {program('dockerd')} " + '"$@"'
        options = (
            *("--host", f"unix://{path}", "--pidfile", str(home / "docker.pid")),
            *("--data-root", str(home / "data"), "--exec-root", str(home / "exec")),
            *("--insecure-registry", subnet),
        )
        process = Process(
            [
                *(program("nsenter"), f"--net=/run/netns/{namespace}"),
                *(program("unshare"), "--uts", "sh", "-c", become, "dockerd", *options),
            ],
            home / "dockerd.log",
            # dockerd starts iptables, containerd and runc by name.
            env={"PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"},
        )
        super().__init__(path, process=process)
        self.name = namespace
        self.address = address

    @property
    def env(self) -> dict[str, str]:
        """With logins of its own, for the commands that send them to the nodes."""
        return {**super().env, "DOCKER_CONFIG": str(self.socket.parent / "client")}

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

    def kill(self) -> None:
        """SIGKILL, as if the machine had lost its power; its containers go on."""
        if self.process is not None:
            self.process.kill()


class Swarm(Server):
    """`size` engines that are one swarm; leaving it ends them and removes their files."""

    def __init__(self, size: int = 3) -> None:
        # Interfaces have short names.
        self.name = f"ls{secrets.token_hex(2)}"
        self._network = f"10.{random.randint(200, 250)}.{random.randint(0, 255)}"
        self.host = f"{self._network}.1"
        """The machine's own address in the network of the nodes."""
        self.nodes: list[Node] = []
        self._size = size
        self._undo = ExitStack()

    def start(self) -> None:
        """Builds the network, starts the engines and joins them."""
        if os.geteuid() != 0:
            raise EngineTrouble("only root can start the engines of a swarm")
        home = Path(tempfile.mkdtemp(prefix="listener-lab-swarm-", dir="/var/tmp"))
        self._undo.callback(remove_home, home)
        switch = self._namespace("switch")
        _ip(switch, "link", "add", "bridge", "type", "bridge")
        _ip(switch, "link", "set", "bridge", "up")
        self._plug(None, switch, f"{self.name}-m", self.host)
        for number in range(1, self._size + 1):
            namespace = self._namespace(str(number))
            address = f"{self._network}.{number + 1}"
            self._plug(namespace, switch, f"{self.name}-{number}", address)
            node = Node(home / str(number), namespace, address, f"{self._network}.0/24")
            self.nodes.append(node)
            self._undo.callback(node.stop)
            node.start()
        for node in self.nodes:
            wait_for(partial(getattr, node, "answers"), f"{node.name} answers", timeout=90)
        self._join()

    def stop(self) -> None:
        """Ends the engines with all that runs on them."""
        for node in self.nodes:
            # All at once: each waits for its own containers.
            if node.process is not None:
                node.process.signal(signal.SIGTERM)
        self._undo.close()

    def service(self, name: str) -> dict[str, Any]:
        """A manager's whole answer about one service."""
        found: list[dict[str, Any]] = json.loads(self.docker("service", "inspect", name))
        return found[0]

    def docker(self, *arguments: str) -> str:
        """`docker ARGUMENTS` at the first manager whose engine runs."""
        alive = next(node for node in self.nodes if node.process and node.process.alive)
        return alive.docker(*arguments)

    def images(self, service: str) -> list[tuple[str, str]]:
        """(node, image) of every task of a service that runs now, as its own engine has it."""
        found = []
        for node in self.nodes:
            mine = f"label=com.docker.swarm.service.name={service}"
            if node.process is None or not node.process.alive:
                continue
            for container in node.docker("ps", "-q", "--filter", mine).split():
                found.append((node.name, str(node.inspect(container)["Config"]["Image"])))
        return found

    def bring_back(self, node: Node) -> None:
        """Starts an engine that was killed; returns once the swarm has the node again."""
        node.start()
        wait_for(partial(getattr, node, "answers"), f"{node.name} answers", timeout=90)
        other = next(one for one in self.nodes if one is not node)

        def ready() -> bool:
            status = other.docker("node", "inspect", "--format", "{{.Status.State}}", node.name)
            return status == "ready"

        wait_for(ready, f"{node.name} is ready", timeout=60, forgive=(OSError, EngineTrouble))

    def _join(self) -> None:
        first, *others = self.nodes
        first.docker("swarm", "init", "--advertise-addr", first.address)
        token = first.docker("swarm", "join-token", "-q", "manager")
        for node in others:
            node.docker(
                *("swarm", "join", "--token", token, "--advertise-addr", node.address),
                f"{first.address}:2377",
            )

    def _namespace(self, suffix: str) -> str:
        name = f"{self.name}-{suffix}"
        _ip(None, "netns", "add", name)
        self._undo.callback(partial(_ip, None, "netns", "del", name))
        _ip(name, "link", "set", "lo", "up")
        return name

    def _plug(self, namespace: str | None, switch: str, port: str, address: str) -> None:
        """A cable between a namespace (None: the machine's own) and the switch."""
        other = f"{port}x"
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
