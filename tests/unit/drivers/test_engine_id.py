"""Who an engine is: the lease goes by it, so all processes must have one name for one engine."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from listener.drivers.engine import Engine

_numbers = itertools.count()


@asynccontextmanager
async def engine(
    component: str, name: str = "host-1", root: str = "/var/lib/containers/storage"
) -> AsyncIterator[str]:
    """An engine that answers with another ID each time, as Podman does; its address."""

    async def version(_: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41", "Components": [{"Name": component}]})

    async def info(_: web.Request) -> web.Response:
        said = {"ID": f"id-{next(_numbers)}", "Name": name, "DockerRootDir": root}
        return web.json_response(said)

    app = web.Application()
    app.router.add_get("/version", version)
    app.router.add_get("/v1.41/info", info)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


async def known_as(url: str) -> str:
    """The name that a process of its own has for it."""
    client = Engine(url)
    try:
        await client.connect()
        return client.engine_id
    finally:
        await client.close()


async def test_podman_is_the_same_engine_for_every_process() -> None:
    async with engine("Podman Engine") as url:
        first = await known_as(url)
        assert first.startswith("podman-")
        assert await known_as(url) == first


async def test_podman_of_another_machine_or_user_is_another_engine() -> None:
    async with (
        engine("Podman Engine") as one,
        engine("Podman Engine", name="host-2") as elsewhere,
        engine("Podman Engine", root="/home/ann/.local/share/containers/storage") as rootless,
    ):
        assert len({await known_as(url) for url in (one, elsewhere, rootless)}) == 3


async def test_docker_is_who_it_says() -> None:
    async with engine("Engine") as url:
        assert (await known_as(url)).startswith("id-")
