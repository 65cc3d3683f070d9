"""A hook that takes everything and remembers it: what a registry really sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from lab.served import Quiet, Served


@dataclass(frozen=True)
class Recorded:
    """One request: headers by their names in lower case, and the raw body."""

    headers: Mapping[str, str]
    body: bytes


class Recorder(Served):
    """Listens on a free port of 127.0.0.1 while it is entered, and answers 200 to every POST."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        recorder = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                names = {name.lower(): value for name, value in self.headers.items()}
                recorder.requests.append(Recorded(names, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(Handler)
        self.url += "/"
