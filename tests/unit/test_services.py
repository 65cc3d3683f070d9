"""The services of a swarm are targets, but not the one that this program itself is a task of."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.config import Settings
from listener.drivers import own
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.services import Services

OURS = "f" * 64


class Manager:
    """An engine that manages two labelled services, and has the container of one of them."""

    def __init__(self, *containers: str) -> None:
        self.containers = containers
        self.inspected: list[str] = []

    async def list_services(self) -> list[dict[str, Any]]:
        return [service("web"), service("listener")]

    async def inspect_container(self, container: str) -> dict[str, Any]:
        self.inspected.append(container)
        if container not in self.containers:
            raise NotFound(404, f"no such container {container}")
        return {"Config": {"Labels": {"com.docker.swarm.service.id": "id-of-listener"}}}


def service(name: str) -> dict[str, Any]:
    image = f"registry.example.com/{name}:1"
    template = {"ContainerSpec": {"Image": image}}
    return {
        "ID": f"id-of-{name}",
        "Spec": {
            "Name": name,
            "Labels": {"listener.enable": "true"},
            "Mode": {"Replicated": {"Replicas": 1}},
            "TaskTemplate": template,
        },
    }


def services(manager: Manager, **settings: Any) -> Services:
    return Services(cast("Engine", manager), Settings(host="swarm", **settings))


async def problems(found: Services) -> dict[str, str | None]:
    return {target.name: target.problem for target in await found.targets()}


@pytest.fixture
def in_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "own_container", lambda: OURS)


@pytest.mark.usefixtures("in_a_task")
async def test_its_own_service_is_refused_unless_it_shall_replace_itself() -> None:
    manager = Manager(OURS)
    found = services(manager)
    refused = "it is this program itself: set self_update: true if it shall replace itself"
    assert await problems(found) == {"web": None, "listener": refused}
    found.replace_settings(Settings(host="swarm", self_update=True))
    assert await problems(found) == {"web": None, "listener": None}
    assert manager.inspected == [OURS]


@pytest.mark.usefixtures("in_a_task")
async def test_one_that_the_file_names_is_refused_too() -> None:
    found = services(Manager(OURS), targets={"me": {"service": "listener"}})
    assert "this program itself" in ((await problems(found))["me"] or "")


@pytest.mark.usefixtures("in_a_task")
async def test_a_container_beside_another_engine_is_of_no_service_there() -> None:
    assert await problems(services(Manager())) == {"web": None, "listener": None}


async def test_outside_of_a_container_nothing_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "own_container", lambda: "")
    manager = Manager(OURS)
    assert await problems(services(manager)) == {"web": None, "listener": None}
    assert manager.inspected == []
