"""Two listeners on one engine hold images for targets of the same name, each for itself."""

from __future__ import annotations

from typing import Any, cast

import pytest

from listener.drivers.engine import Engine
from listener.drivers.errors import Conflict, NotFound
from listener.drivers.holds import Holds
from listener.drivers.names import hold_name, hold_tag
from listener.model.base import utc_now
from listener.model.target import Good, Target, TargetSettings

FIRST, SECOND = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REPOSITORY = "registry.example.com/web"


class Shelf:
    """An engine with containers that never start, and images by their names."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.names: dict[str, set[str]] = {}

    async def foreign_platform(self, image: str) -> None:
        pass

    async def tag_image(self, image: str, repository: str, tag: str) -> None:
        self.names.setdefault(image, set()).add(f"{repository}:{tag}")

    async def untag(self, name: str) -> None:
        for names in self.names.values():
            names.discard(name)

    async def inspect_image(self, image: str) -> dict[str, Any]:
        if not self.names.get(image):
            raise NotFound(404, f"no such image {image}")
        return {"RepoTags": sorted(self.names[image]), "Config": {}}

    async def create_container(self, name: str, body: dict[str, Any], _: str | None = None) -> None:
        if name in self.containers:
            raise Conflict(409, f"{name} is taken")
        self.containers[name] = body

    async def list_containers(self, *, filters: dict[str, list[str]], **_: Any) -> list[Any]:
        label, _, value = filters["label"][0].partition("=")
        return [
            {"Id": name, "Names": [f"/{name}"], "Labels": made["Labels"], "ImageID": made["Image"]}
            for name, made in self.containers.items()
            if made["Labels"][label] == value
        ]

    async def remove(self, container: str, **_: Any) -> None:
        del self.containers[container]


def pin(scope: str | None, name: str = "web") -> str:
    settings = TargetSettings(container=name)
    return Target(name=name, host="h", settings=settings, scope=scope).pin


def good(digest: str) -> Good:
    return Good(digest=digest, image_id=f"id-{digest[7:11]}", deployment="d", at=utc_now())


async def test_staging_that_keeps_little_leaves_what_production_holds() -> None:
    shelf = Shelf()
    holds = Holds(cast("Engine", shelf))
    staging, production = pin("staging"), pin(None)
    for owner in (staging, production):
        for digest in (FIRST, SECOND):
            assert await holds.hold(owner, good(digest)) is None
    await holds.keep_only(staging, [SECOND], REPOSITORY)
    assert [one.digest for one in await holds.held(staging)] == [SECOND]
    assert {one.digest for one in await holds.held(production)} == {FIRST, SECOND}
    assert await shelf.inspect_image(good(FIRST).image_id)


async def test_what_was_held_before_there_were_scopes_is_still_held() -> None:
    assert pin(None) == "web"
    assert hold_name(pin(None), FIRST) == "listener-keep-web-aaaaaaaa"
    assert hold_tag(pin(None), FIRST) == ("listener-keep/web", "a" * 12)


@pytest.mark.parametrize("other", [pin(None, "staging-web"), pin(None), pin("web", "staging")])
def test_a_scope_makes_no_name_that_another_target_has(other: str) -> None:
    mine = pin("staging")
    assert hold_name(mine, FIRST) == "listener-keep-web-aaaaaaaa-staging"
    assert hold_tag(mine, FIRST) == ("listener-keep/staging/web", "a" * 12)
    assert hold_name(other, FIRST) != hold_name(mine, FIRST)
    assert hold_tag(other, FIRST) != hold_tag(mine, FIRST)
