"""Load by wrk: one thread, sixteen connections, for some seconds."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.proc import cpu_seconds

CONNECTIONS = 16

_SCRIPT = """
local number = 0
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);")
local at, began, due = ffi.new("moment"), nil, 0
local function now()
  ffi.C.clock_gettime(1, at)
  return tonumber(at.s) * 1000 + tonumber(at.ns) / 1e6
end
local function paced()
  began = began or now()
  due = due + 1000 / RATE
  return math.max(0, began + due - now())
end
if RATE > 0 then delay = paced end
wrk.method = "POST"
HEADERS
local head, tail = [==[HEAD]==], [==[TAIL]==]
request = function()
  number = number + 1
  return wrk.format(nil, "PATH", nil, COUNTED and head .. "PREFIX" .. number .. tail or head)
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local function seconds(of) return string.format("%f", of / 1e6) end
  io.write(string.format('\\nRESULT {"requests": %d, "seconds": %s, "errors": %d, ',
    summary.requests, seconds(summary.duration),
    errors.status + errors.connect + errors.read + errors.timeout))
  io.write(string.format('"p50": %s, "p99": %s, "longest": %s}\\n',
    seconds(latency:percentile(50)), seconds(latency:percentile(99)), seconds(latency.max)))
end
"""


@dataclass(frozen=True)
class Request:
    """What is posted: `head`, or with a `tail`, head, a number that is new each time, and tail."""

    path: str
    headers: Mapping[str, str]
    head: str
    tail: str | None = None


@dataclass(frozen=True)
class Server:
    """Where to post what, and the process that answers."""

    url: str
    pid: int
    request: Request


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw, and the processor time that one request took; seconds."""

    per_second: float
    cpu: float
    p50: float
    p99: float
    longest: float
    answered: int
    errors: int


def drive(directory: Path, server: Server, *, seconds: int = 1, rate: int = 0) -> Load:
    """Posts as fast as sixteen connections take it, or so many a second."""
    request = server.request
    values = {
        "HEADERS": "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in request.headers.items()),
        "RATE": str(rate),
        "PREFIX": secrets.token_hex(4),
        "COUNTED": "false" if request.tail is None else "true",
        "HEAD": request.head,
        "TAIL": request.tail or "",
        "PATH": request.path,
    }
    text = _SCRIPT
    for name, value in values.items():
        text = text.replace(name, value)
    script = directory / "load.lua"
    script.write_text(text)
    used = cpu_seconds(server.pid)
    answer = subprocess.run(
        [
            *("taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"),
            *("-s", str(script), server.url),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(answer.stdout.rpartition("RESULT ")[2])
    used = cpu_seconds(server.pid) - used
    return Load(
        per_second=result["requests"] / result["seconds"],
        cpu=used / result["requests"],
        p50=result["p50"],
        p99=result["p99"],
        longest=result["longest"],
        answered=result["requests"] - result["errors"],
        errors=result["errors"],
    )
