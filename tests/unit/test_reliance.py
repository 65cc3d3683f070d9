"""What this program stands on is no target: never, or unless the file names it."""

from __future__ import annotations

import pytest

from listener.config import Settings
from listener.drivers import own
from listener.model.target import Target, TargetSettings
from listener.reliance import left_alone, relied_on

WEB = Target(name="web", host="h1", settings=TargetSettings(), image="docker.io/web")
PROXY, REDIS, REGISTRY = (
    {"Id": str(port), "Ports": [{"PublicPort": port}], "Image": "localhost:5000/web"}
    for port in (2375, 6379, 5000)
)


@pytest.mark.parametrize(
    ("place", "named", "said"),
    [
        (PROXY, False, "it is the way to the engine, without which"),
        (PROXY, True, "it is the way to the engine, without which"),
        (REDIS, True, "it is the Redis, without which this program could not bring it back"),
        (REGISTRY, False, "it is the registry, which this program relies on: name it under"),
        (REGISTRY, True, None),
    ],
)
def test_only_a_registry_is_replaced_where_the_file_names_it(
    place: dict[str, object], named: bool, said: str | None
) -> None:
    settings = Settings(engine="tcp://127.0.0.1:2375", redis="redis://127.0.0.1:6379/0")
    what = relied_on(settings, [PROXY, REDIS, REGISTRY])[str(place["Id"])]
    problem = left_alone(WEB, what, named=named).problem
    assert (problem or "").startswith(said or "")
    assert (problem is None) is (said is None)


@pytest.mark.parametrize(("network", "relied"), [("host", True), ("tools_default", False)])
def test_a_loopback_in_a_container_leads_to_no_other_one(
    monkeypatch: pytest.MonkeyPatch, network: str, relied: bool
) -> None:
    monkeypatch.setattr(own, "own_container", lambda: "0123")
    listener = {"Id": "0123", "HostConfig": {"NetworkMode": network}}
    settings = Settings(redis="redis://127.0.0.1:6379/0")
    found = relied_on(settings, [listener, REDIS, REGISTRY])
    assert ("6379" in found) is relied
    assert found["5000"] == "the registry", "the engine asks it, from the machine"
