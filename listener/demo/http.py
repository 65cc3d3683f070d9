"""The smallest HTTP client that the lab needs, on the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        """The body as JSON; Any because every caller knows its own shape."""
        return json.loads(self.body)


def request(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float = 5.0,
) -> Answer:
    """One request on one new connection; raises OSError where nobody answers properly."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    path = parts.path or "/"
    try:
        connection.request(
            method, f"{path}?{parts.query}" if parts.query else path, body, dict(headers or {})
        )
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read(), names)
    except http.client.HTTPException as problem:
        raise ConnectionError(f"{method} {url}: {problem!r}") from problem
    finally:
        connection.close()


def get(url: str, *, timeout: float = 5.0) -> Answer:
    """GET without headers."""
    return request("GET", url, timeout=timeout)


def post_json(
    url: str, content: object, headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
) -> Answer:
    """POST of a JSON body."""
    body = json.dumps(content).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    return request("POST", url, body, sent, timeout=timeout)


def what_answers(url: str, *, timeout: float = 2.0) -> str | None:
    """The version that a user of the app sees now, or None where nobody answers."""
    try:
        answer = get(url, timeout=timeout)
    except OSError:
        return None
    return answer.text.strip() if answer.status == 200 else None
