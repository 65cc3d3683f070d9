"""Podman's Docker API, from a store and on a socket of its own. Needs root."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from listener.demo.engine import Engine, EngineTrouble, remove_home
from listener.demo.process import Process, program
from listener.demo.waiting import wait_for

_REGISTRIES = """\
unqualified-search-registries = []
[[registry]]
location = "{registry}"
insecure = true
"""


# Its own default is more than a machine within another one may have.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
"""


class Podman(Engine):
    """`podman system service`; `stop` ends it and removes its files."""

    def __init__(self) -> None:
        # Podman wants a short path.
        self._home = Path(tempfile.mkdtemp(prefix="lab-podman-", dir="/var/tmp"))
        super().__init__(self._home / "podman.sock")

    @property
    def listener_url(self) -> str:
        """Itself, also where a run goes through a socket proxy, which is another engine's."""
        return self.url

    def start(self, registry: str) -> None:
        """Starts it, for pulls from this registry of ours too."""
        if os.geteuid() != 0:
            raise EngineTrouble("only root can start Podman with networks")
        registries = self._home / "registries.conf"
        registries.write_text(_REGISTRIES.format(registry=registry))
        containers = self._home / "containers.conf"
        containers.write_text(_CONTAINERS)
        command = [
            *(program("podman"), "--root", str(self._home / "data")),
            *("--runroot", str(self._home / "run"), "--cgroup-manager", "cgroupfs"),
            *("--runtime", "runc", "system", "service", "--time", "0", self.url),
        ]
        # It finds its helpers by name.
        path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
        env = {
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_REGISTRIES_CONF": str(registries),
            "PATH": path,
        }
        self.process = Process(command, self._home / "podman.log", env=env)
        self.process.start()
        wait_for(lambda: self.answers, "Podman answers", timeout=60)

    def stop(self) -> None:
        """Ends it and removes its files."""
        if self.process is not None:
            self.process.stop()
        remove_home(self._home)
