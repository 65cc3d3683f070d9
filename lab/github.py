"""A GitHub that knows deployments and their statuses, and nothing else."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.served import Quiet, Served


class GitHub(Served):
    """Listens on a free port of 127.0.0.1 while it is entered; `url` is its address.

    `deployments` are those of all repositories, each with its `repository` and `statuses`.
    `refusals` are the (status, headers) that the next requests get; `tokens` what they came with.
    Repositories in `unknown` are answered 404.
    """

    def __init__(self) -> None:
        self.deployments: list[dict[str, Any]] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.unknown: set[str] = set()
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        github = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*github._get(self.path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(*github._post(self.path, body))

            def _answer(self, status: int, found: Any) -> None:
                headers: dict[str, str] = {}
                github.asked.append(f"{self.command} {self.path}")
                github.tokens.add(self.headers["Authorization"])
                if github.refusals:
                    status, headers = github.refusals.pop(0)
                    found = {"message": "not now"}
                text = json.dumps(found).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text)

        super().__init__(Handler)

    def states(self) -> list[list[str]]:
        """The states of each deployment, oldest first."""
        return [[one["state"] for one in made["statuses"]] for made in self.deployments]

    def _get(self, path: str) -> tuple[int, Any]:
        place, wanted = urlsplit(path), parse_qs(urlsplit(path).query)
        repository = _repository(place.path)
        if repository in self.unknown:
            return 404, {"message": "Not Found"}
        # As GitHub lists them: newest first.
        return 200, [
            made
            for made in reversed(self.deployments)
            if made["repository"] == repository
            and [made["sha"]] == wanted["sha"]
            and [made["environment"]] == wanted["environment"]
        ]

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.refusals:
            return 500, {}
        if path.endswith("/statuses"):
            number = int(path.split("/")[-2])
            self.deployments[number - 1]["statuses"].append(body)
            return 201, {}
        made = {
            **body,
            "id": len(self.deployments) + 1,
            "sha": body["ref"],
            "repository": _repository(path),
            "statuses": [],
        }
        self.deployments.append(made)
        return 201, made


def _repository(path: str) -> str:
    """The repository of ``/api/v3/repos/OWNER/NAME/deployments…``: a server of one's own."""
    parts = path.split("/")
    if parts[1:4] != ["api", "v3", "repos"] or parts[6] != "deployments":
        raise ValueError(f"{path} is nothing that GitHub has")
    return "/".join(parts[4:6])
