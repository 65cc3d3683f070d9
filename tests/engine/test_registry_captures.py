"""What a real Distribution registry sends for real pushes, and what the parsers make of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.recorder import Recorder
from listener.demo import ship
from listener.demo.app import Image, Release, build
from listener.demo.engine import LABEL, Engine
from listener.demo.process import program
from listener.demo.registry import Notify, Registry
from listener.demo.waiting import wait_for
from listener.providers import PROVIDERS, Event, Request, Sender

REPOSITORY = "shop/api"
Push = Callable[[Engine, Registry, Image], str]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


@pytest.fixture
def registry(tmp_path: Path, recorder: Recorder) -> Iterator[Registry]:
    with Registry(tmp_path, notify=Notify(recorder.url, "a-token")) as running:
        yield running


def docker(engine: Engine, registry: Registry, image: Image) -> str:
    return ship.docker_push(engine, registry, REPOSITORY, "v1", image)


def skopeo(engine: Engine, registry: Registry, image: Image) -> str:
    return ship.skopeo_copy(registry, REPOSITORY, "v1", image)


def skopeo_all(engine: Engine, registry: Registry, image: Image) -> str:
    """All platforms of an image are copied from another repository, as a promotion does it."""
    other = build(Release("other"), {})
    digest = ship.Api(registry).push_index("src", "v1", [("amd64", image), ("arm64", other)])
    host = registry.host
    subprocess.run(
        [
            *(program("skopeo"), "copy", "--quiet", "--all", "--insecure-policy"),
            *("--src-tls-verify=false", "--dest-tls-verify=false"),
            *(f"docker://{host}/src:v1", f"docker://{host}/{REPOSITORY}:v1"),
        ],
        check=True,
        capture_output=True,
    )
    return digest


def understood(recorder: Recorder, name: str) -> tuple[list[Event], list[str]]:
    """The pushes to our repository, and the reasons for all else."""
    events: list[Event] = []
    ignored: list[str] = []
    for one in list(recorder.requests):
        request = Request(one.headers, one.body)
        parsed = PROVIDERS[name].concrete(request).parse(request, Sender())
        events += [event for event in parsed.events if event.image.repository == REPOSITORY]
        ignored += parsed.ignored
    return events, ignored


@pytest.mark.parametrize("name", ["distribution", "gitlab", "auto"])
@pytest.mark.parametrize("push", [docker, skopeo, skopeo_all])
def test_a_push_is_found_once_among_its_events(
    engine: Engine, registry: Registry, recorder: Recorder, session: str, push: Push, name: str
) -> None:
    digest = push(engine, registry, build(Release("1"), {LABEL: session}))
    (event,) = wait_for(lambda: understood(recorder, name)[0], "the push is told")
    assert str(event.image) == f"{registry.host}/{REPOSITORY}:v1@{digest}"
    assert event.delivery
    assert event.occurred_at is not None
    assert recorder.requests[0].headers["authorization"] == "Bearer a-token"

    # The layers and platforms were told before their tag; a pull and a delete come after it.
    before = understood(recorder, name)[1]
    assert "a layer or a configuration, not an image" in before
    manifest = f"http://{registry.host}/v2/{REPOSITORY}/manifests"
    headers = {"Accept": f"{ship.MANIFEST}, {ship.INDEX}"}
    assert ship.http.request("GET", f"{manifest}/v1", headers=headers).status == 200
    assert ship.http.request("DELETE", f"{manifest}/{digest}").status == 202
    wait_for(
        lambda: (
            {"a pull: nothing was pushed", "a delete: nothing was pushed"}
            <= set(understood(recorder, name)[1])
        ),
        "the pull and the delete are told",
    )
    assert len(understood(recorder, name)[0]) == 1
