"""What an interrupted swap left is read from names, links and networks aside."""

from __future__ import annotations

from typing import Any, cast

from listener.deploy.scene import scenes
from listener.drivers.engine import Engine
from listener.drivers.names import own_name


class Listed:
    """An engine that lists what it was given."""

    def __init__(self, names: list[list[str]], networks: dict[str, str]) -> None:
        self.containers = [{"Id": names[0], "Names": names} for names in names]
        self.networks = [
            {"Name": name, "Labels": {"listener.warm": target}} for name, target in networks.items()
        ]

    async def list_containers(self, *, all: bool) -> list[dict[str, Any]]:
        return self.containers

    async def list_networks(self, _: object) -> list[dict[str, Any]]:
        return self.networks


async def found(names: list[list[str]], networks: dict[str, str] | None = None) -> dict[str, Any]:
    engine = cast("Engine", Listed(names, networks or {}))
    return {scene.name: scene for scene in await scenes(engine)}


def test_a_name_that_is_a_link_is_not_the_containers_own() -> None:
    assert own_name({"Names": ["/web/db", "/db"]}) == "db"
    assert own_name({"Names": ["/db", "/web.new-7f3a9c1e/db"]}) == "db"
    assert own_name({"Names": None}) == ""


async def test_what_stands_beside_a_container_that_others_link_to_is_its_own() -> None:
    scene = (await found([["/web/db", "/db"], ["/db.old-7f3a9c1e"]]))["db"]
    assert scene.own is not None
    assert scene.one("old") is not None
    assert scene.deployment == "7f3a9c1e"


async def test_the_network_of_the_deployment_that_parked_the_old_one_counts() -> None:
    networks = {"listener-warm-7f3a9c1e-web": "web", "listener-warm-00000000-web": "web"}
    scene = (await found([["/web"], ["/web.old-7f3a9c1e"]], networks))["web"]
    assert scene.network is not None
    assert scene.network["Name"] == "listener-warm-7f3a9c1e-web"
    assert len(scene.networks) == 2


async def test_a_network_alone_makes_a_scene() -> None:
    scenes_found = await found([["/other"]], {"listener-warm-7f3a9c1e-web": "web"})
    assert list(scenes_found) == ["web"]
    assert scenes_found["web"].own is None
