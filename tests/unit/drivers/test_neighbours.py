"""What Compose restarts with a service is stopped for it, but never this program itself."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.drivers import own
from listener.drivers.engine import Engine
from listener.drivers.neighbours import Neighbours
from listener.model.target import ComposeService

DEPENDS_ON = "db:service_started:true"


class Project:
    """An engine with the containers of one Compose project; all of them run."""

    def __init__(self, *services: str) -> None:
        self.services = services

    async def list_containers(self, **_: Any) -> list[dict[str, Any]]:
        return [
            {
                "Id": f"id-of-{service}",
                "Names": [f"/shop-{service}-1"],
                "Labels": {
                    "com.docker.compose.project": "shop",
                    "com.docker.compose.service": service,
                    "com.docker.compose.depends_on": DEPENDS_ON if service != "db" else "",
                },
            }
            for service in self.services
        ]

    async def inspect_container(self, name: str) -> dict[str, Any]:
        return {"Id": name, "Name": f"/{name}", "State": {"Running": True}}


async def test_this_programs_own_container_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    database = ComposeService(project="shop", service="db")
    neighbours = Neighbours(cast("Engine", Project("db", "web", "listener")))
    assert await neighbours.of(database) == ("shop-listener-1", "shop-web-1")
    monkeypatch.setattr(own, "own_container", lambda: "id-of-listener")
    assert await neighbours.of(database) == ("shop-web-1",)
