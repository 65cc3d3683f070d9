"""The networks of a clone: what the user chose, never what the engine assigned."""

from __future__ import annotations

from typing import Any

import pytest
from fragments import ID, NEW_API, OLD_API, container, endpoint

from listener.drivers.clone import Clone, CloneError, Setting, plan_clone

MAC = "02:42:0a:00:00:99"


def endpoints(clone: Clone) -> Any:
    return clone.body.get("NetworkingConfig", {}).get("EndpointsConfig")


ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a dynamic address", {}, {}),
    ("an empty choice", {"IPAMConfig": {}}, {}),
    (
        "a static address",
        {"IPAMConfig": {"IPv4Address": "172.18.0.9", "IPv6Address": ""}},
        {"IPAMConfig": {"IPv4Address": "172.18.0.9"}},
    ),
    (
        "aliases without the short id, and once each",
        {"Aliases": ["web", ID[:12], "api", "web"]},
        {"Aliases": ["web", "api"]},
    ),
    ("links", {"Links": ["db:database"]}, {"Links": ["db:database"]}),
    ("driver options", {"DriverOpts": {"a": "1"}}, {"DriverOpts": {"a": "1"}}),
]


@pytest.mark.parametrize(("parts", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS])
@pytest.mark.parametrize("setting", [OLD_API, NEW_API], ids=["1.41", "1.51"])
def test_endpoint(parts: dict[str, Any], expected: dict[str, Any], setting: Setting) -> None:
    old = container(host={"NetworkMode": "a"}, networks={"a": endpoint(**parts)})
    assert endpoints(plan_clone(old, "web:2", setting)) == {"a": expected}


@pytest.mark.parametrize(("api", "expected"), [((1, 47), {}), ((1, 48), {"GwPriority": 5})])
def test_the_gateways_priority(api: tuple[int, int], expected: dict[str, Any]) -> None:
    old = container(host={"NetworkMode": "a"}, networks={"a": endpoint(GwPriority=5)})
    assert endpoints(plan_clone(old, "web:2", Setting(api))) == {"a": expected}


def test_the_default_network_takes_no_aliases() -> None:
    old = container(networks={"bridge": endpoint(Aliases=["web"])})
    assert endpoints(plan_clone(old, "web:2", OLD_API)) == {"bridge": {}}


def test_of_several_networks_an_old_engine_gets_the_main_one_at_create() -> None:
    networks = {"a": endpoint(Aliases=["x"]), "main": endpoint(), "z": endpoint(Aliases=["y"])}
    old = container(host={"NetworkMode": "main"}, networks=networks)
    clone = plan_clone(old, "web:2", OLD_API)
    assert endpoints(clone) == {"main": {}}
    assert clone.networks == {"a": {"Aliases": ["x"]}, "z": {"Aliases": ["y"]}}


def test_a_new_engine_gets_all_networks_at_create() -> None:
    networks = {"a": endpoint(), "main": endpoint()}
    old = container(host={"NetworkMode": "main"}, networks=networks)
    clone = plan_clone(old, "web:2", NEW_API)
    assert endpoints(clone) == {"main": {}, "a": {}}
    assert clone.networks == {}


def test_a_network_mode_by_id_is_written_by_name() -> None:
    old = container(host={"NetworkMode": "ee" * 32}, networks={"a": endpoint(NetworkID="ee" * 32)})
    clone = plan_clone(old, "web:2", NEW_API)
    assert clone.body["HostConfig"]["NetworkMode"] == "a"


def test_a_chosen_mac_address_goes_where_the_api_wants_it() -> None:
    old = container({"MacAddress": MAC}, {"NetworkMode": "a"}, networks={"a": endpoint()})
    below, since = plan_clone(old, "web:2", OLD_API), plan_clone(old, "web:2", NEW_API)
    assert (below.body["MacAddress"], endpoints(below)) == (MAC, {"a": {}})
    assert "MacAddress" not in since.body
    assert endpoints(since) == {"a": {"MacAddress": MAC}}


@pytest.mark.parametrize("mode", ["host", "none", "container:other"])
def test_without_networks_nothing_is_connected(mode: str) -> None:
    old = container({"MacAddress": MAC}, {"NetworkMode": mode}, networks={mode: endpoint()})
    clone = plan_clone(old, "web:2", OLD_API)
    assert endpoints(clone) is None
    assert clone.networks == {}
    assert "MacAddress" not in clone.body


def test_a_container_that_was_cut_off_is_refused() -> None:
    with pytest.raises(CloneError, match="disconnected"):
        plan_clone(container(host={"NetworkMode": "a"}, networks={}), "web:2", OLD_API)
