"""An image of which the engine does not show what it sets is none that sets nothing."""

from __future__ import annotations

from typing import Any

import pytest

from listener.demo.app import Release, build
from listener.demo.engine import LABEL
from listener.demo.engine import Engine as LabEngine
from listener.drivers.engine import Engine
from listener.drivers.image_calls import ImageCalls


@pytest.fixture
def shows_nothing(client: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine answers as a containerd store does where a layer is only there unpacked."""
    whole = ImageCalls.inspect_image

    async def empty(calls: ImageCalls, ref: str) -> dict[str, Any]:
        image = await whole(calls, ref)
        nothing = {"Cmd": None, "Entrypoint": None, "Env": None, "Labels": None, "User": ""}
        return image | {"RootFS": {}, "Config": nothing, "Architecture": "", "Os": ""}

    client.containerd_store = True
    monkeypatch.setattr(ImageCalls, "inspect_image", empty)


@pytest.mark.usefixtures("shows_nothing")
async def test_what_an_image_sets_is_read_off_a_container_of_it(
    client: Engine, engine: LabEngine, session: str
) -> None:
    # An image that says of itself that it is a target shall not become one by being looked at.
    labels = {LABEL: session, "listener.enable": "true"}
    name = f"{session}:1"
    image = build(Release("1", env=("A=b",), volumes=("/data",)), labels)
    engine.docker("load", feed=image.archive(name))

    found = await client.inspect_image(name)
    assert found["Config"]["Cmd"] == ["/app/run"]
    assert found["Config"]["Env"] == ["PATH=/bin", "APP_VERSION=1", "A=b"]
    assert found["Config"]["Labels"] == labels
    assert found["Config"]["Volumes"] == {"/data": {}}
    assert found["Config"]["ExposedPorts"] == {"8000/tcp": {}}
    assert found["Config"]["Healthcheck"]["Test"] == ["CMD", "/app/check"]
    if client.api >= (1, 48):  # older ones do not tell the platform of a container
        assert (found["Os"], found["Architecture"]) == (client.os, client.architecture)
    assert await client.inspect_image(found["Id"]) == found
    assert await client.list_containers(filters={"label": [f"{LABEL}={session}"]}) == []


@pytest.mark.usefixtures("shows_nothing")
async def test_an_image_without_a_command_has_none(client: Engine, busybox: str) -> None:
    found = await client.inspect_image(busybox)
    assert "Cmd" not in found["Config"]
    assert list(found["Config"]["Labels"]) == [LABEL]
