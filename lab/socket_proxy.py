"""A Docker socket proxy before the engine, which lets through the calls that a worker makes.

    python -m lab.socket_proxy record COMMAND …   learns the calls and adds them to the rules
    python -m lab.socket_proxy check COMMAND …    ends with 1 where a call was refused

The command runs as it would without; the listeners that it starts reach the engine through HAProxy.
The rules are in config/socket-proxy/haproxy.cfg, a line a call; `record` writes that file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from listener.demo.engine import BEHIND, find_engine
from listener.demo.process import Process, program
from listener.demo.waiting import wait_for

SHIPPED = Path(__file__).resolve().parents[1] / "config/socket-proxy/haproxy.cfg"
_RULE = re.compile(r"    acl allowed .* # (?P<method>\w+) (?P<path>\S+)")
_LOGGED = re.compile(r"(?P<status>\d{3}|-1) (?P<method>[A-Z]+) (?P<path>/\S*)")
# What may stand between two words of a path: the name or id of a thing; images' names have slashes.
_NAMED = {
    **dict.fromkeys(("containers", "networks", "volumes", "exec"), "[^/]+"),
    **dict.fromkeys(("services", "nodes", "tasks", "configs", "secrets"), "[^/]+"),
    **dict.fromkeys(("images", "distribution"), ".+"),
}
# What stands there and names nothing.
_WHOLE = ("json", "create", "prune")
_OF_IMAGES = ("json", "tag", "push", "get", "history")
_REFUSED = 403

Call = tuple[str, str]
"""A method, and a path with ``*`` for what names a thing: ``("GET", "/containers/*/json")``."""


def main(arguments: list[str]) -> int:
    """Runs the command behind the proxy; the exit code is the command's, or 1."""
    mode, *command = arguments
    engine = find_engine()
    try:
        with tempfile.TemporaryDirectory(prefix="socket-proxy-") as directory:
            proxy = Proxy(Path(directory), engine.socket, everything=mode == "record")
            env = {**os.environ, **engine.env, BEHIND: proxy.url}
            try:
                code = subprocess.run(command, env=env, check=False).returncode
            finally:
                proxy.process.stop()
            if mode == "record":
                SHIPPED.write_text(configuration({*rules(SHIPPED), *proxy.calls()}))
                return code
            refused = sorted(set(proxy.refused()))
            print(*(f"refused: {method} {path}" for method, path in refused), sep="\n")
            return code or bool(refused)
    finally:
        engine.stop()


class Proxy:
    """HAProxy with the shipped rules, or with none, on a socket of its own."""

    def __init__(self, directory: Path, engine: Path, *, everything: bool = False) -> None:
        socket = directory / "proxy.sock"
        self.url = f"unix://{socket}"
        text = configuration(rules(SHIPPED), bind=f"unix@{socket} mode 600", engine=str(engine))
        if everything:
            text = text.replace("http-request deny", "# http-request deny")
        file = directory / "haproxy.cfg"
        file.write_text(text)
        command = [program("haproxy"), "-db", "-f", str(file)]
        self.process = Process(command, directory / "haproxy.log")
        self.process.start()
        wait_for(socket.exists, "the socket proxy listens")

    def calls(self) -> Iterator[Call]:
        """What was let through, as rules would have it."""
        return (generalised(method, path) for _, method, path in self._logged())

    def refused(self) -> Iterator[Call]:
        """What no rule allows."""
        return (
            generalised(method, path)
            for status, method, path in self._logged()
            if status == _REFUSED
        )

    def _logged(self) -> Iterator[tuple[int, str, str]]:
        for line in self.process.log.read_text(errors="replace").splitlines():
            if (match := _LOGGED.fullmatch(line)) is not None:
                yield int(match["status"]), match["method"], match["path"]


def generalised(method: str, path: str) -> Call:
    """A call as its rule has it, without version and query, with ``*`` for what is named."""
    path = re.sub(r"^/v\d+\.\d+(?=/)", "", path.partition("?")[0])
    _, first, *rest = path.split("/")
    if first not in _NAMED or not rest or (len(rest) == 1 and rest[0] in _WHOLE):
        return method, path
    ends = len(rest) > 1 and (first not in {"images", "distribution"} or rest[-1] in _OF_IMAGES)
    return method, f"/{first}/*/{rest[-1]}" if ends else f"/{first}/*"


def rules(file: Path) -> set[Call]:
    """The calls that a configuration allows; none where there is no such file."""
    if not file.exists():
        return set()
    found = (_RULE.fullmatch(line) for line in file.read_text().splitlines())
    return {(match["method"], match["path"]) for match in found if match is not None}


def configuration(calls: Iterable[Call], *, bind: str = ":2375", engine: str = "") -> str:
    """HAProxy's file for these calls."""
    lines = "\n".join(_rule(*call) for call in sorted(calls, key=lambda call: call[::-1]))
    return _CONFIGURATION.format(rules=lines, bind=bind, engine=engine or "/var/run/docker.sock")


def _rule(method: str, path: str) -> str:
    first = path.split("/")[1]
    pattern = re.escape(path).replace(r"\*", _NAMED.get(first, "[^/]+")).replace("\\-", "-")
    regex = f"^{method} (/v[0-9.]+)?{pattern}$"
    # In double quotes HAProxy would take what follows a $ for a variable.
    return f"    acl allowed var(txn.call) -m reg '{regex}' # {method} {path}"


_CONFIGURATION = """\
# A Docker socket proxy with the calls that `listener work` makes, and no others. What it protects
# from, and what not, is in docs/security.md.
#
# The rules are recorded: `make socket-proxy` runs the engine tests behind a proxy and adds what is
# called there. Do not edit them by hand.
global
    log stdout format raw local0
    maxconn 200

defaults
    mode http
    log global
    log-format "%ST %HM %HP"
    timeout connect 5s
    # Events and pulls are quiet for long.
    timeout client 1h
    timeout server 1h
    timeout http-request 10s

frontend calls
    bind {bind}
    http-request set-var-fmt(txn.call) "%[method] %[path]"
{rules}
    http-request deny deny_status 403 if {{ path_sub .. }}
    http-request deny deny_status 403 unless allowed
    default_backend engine

backend engine
    server engine unix@{engine}
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
