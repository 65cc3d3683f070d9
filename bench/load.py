"""Load by wrk: one thread, sixteen connections, for some seconds."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16

_SCRIPT = """
local number = 0
wrk.method = "POST"
HEADERS
local head, tail = [==[HEAD]==], [==[TAIL]==]
request = function()
  number = number + 1
  return wrk.format(nil, "PATH", nil, COUNTED and head .. "PREFIX" .. number .. tail or head)
end
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\nRESULT {"requests": %d, "seconds": %f, "p99": %f, "errors": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(99) / 1e6,
    errors.status + errors.connect + errors.read + errors.timeout))
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
class Load:
    """What one run of wrk saw; seconds."""

    per_second: float
    p99: float
    errors: int


def drive(directory: Path, url: str, request: Request, *, seconds: float = 3.0) -> Load:
    """Posts as fast as sixteen connections take it."""
    values = {
        "HEADERS": "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in request.headers.items()),
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
    answer = subprocess.run(
        [
            *("taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"),
            *("-s", str(script), url),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(answer.stdout.rpartition("RESULT ")[2])
    return Load(result["requests"] / result["seconds"], result["p99"], result["errors"])
