"""The networks of a clone on a real engine: names and addresses of the user's, none of others."""

from __future__ import annotations

from typing import Any

import pytest
from cloning import Cloning, Swapped

from listener.drivers.clone import CloneError


def endpoint(swapped: Swapped, network: str) -> dict[str, Any]:
    """What is posted for one network, whether at create or afterwards."""
    at_create = swapped.clone.body["NetworkingConfig"]["EndpointsConfig"]
    posted: dict[str, Any] = (at_create | swapped.clone.networks)[network]
    return posted


async def test_aliases_do_not_pile_up_from_clone_to_clone(bench: Cloning) -> None:
    network, _ = bench.network()
    container = bench.create("--network", network, "--network-alias", "web")
    for image in ("2", "1", "2"):
        bench.run(container)
        swapped = await bench.swap(container, image=image)
        assert swapped.differences == []
        assert endpoint(swapped, network)["Aliases"] == ["web"]
        bench.docker("rm", "-f", container)
        container = swapped.new.inspect["Id"]


async def test_the_default_network_under_both_of_its_names(bench: Cloning) -> None:
    for mode in ("default", "bridge"):
        swapped = await bench.swap(bench.create("--network", mode))
        assert swapped.differences == []
        assert swapped.new.host["NetworkMode"] in {"default", "bridge"}
        assert list(swapped.new.endpoints) == ["bridge"]


async def test_of_several_networks_that_of_the_network_mode_comes_first(bench: Cloning) -> None:
    first, prefix = bench.network()
    main, _ = bench.network()
    assert first < main
    container = bench.create("--network", main)
    bench.docker("network", "connect", "--ip", f"{prefix}.66", "--alias", "api", first, container)
    bench.run(container)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    assert swapped.new.host["NetworkMode"] == main
    assert swapped.new.endpoints.keys() == {first, main}
    assert swapped.new.endpoints[first]["IPAMConfig"]["IPv4Address"] == f"{prefix}.66"
    assert not swapped.new.endpoints[main]["IPAMConfig"]


async def test_a_network_named_by_its_id(bench: Cloning) -> None:
    network, _ = bench.network()
    id = bench.docker("network", "inspect", "-f", "{{.Id}}", network)
    swapped = await bench.swap(bench.create("--network", id, "--network-alias", "web"))
    assert swapped.differences == []
    assert list(swapped.new.endpoints) == [network]
    assert "web" in swapped.new.endpoints[network]["Aliases"]


async def test_a_link_on_a_network_of_ones_own(bench: Cloning) -> None:
    network, _ = bench.network()
    linked = bench.create("--network", network)
    swapped = await bench.swap(bench.create("--network", network, "--link", f"{linked}:db"))
    assert swapped.differences == []
    assert swapped.new.endpoints[network]["Links"] == [f"{linked}:db"]


async def test_a_static_address_is_taken_over_when_the_old_one_stops(bench: Cloning) -> None:
    network, prefix = bench.network()
    container = bench.create("--network", network, "--ip", f"{prefix}.50")
    bench.run(container)
    swapped = await bench.swap(container)
    bench.docker("stop", "-t", "0", container)
    bench.run(swapped.new.inspect["Id"])
    running = await bench.snapshot(swapped.new.inspect["Id"])
    assert running.endpoints[network]["IPAddress"] == f"{prefix}.50"


@pytest.mark.parametrize("mode", ["host", "none"])
async def test_no_network_of_its_own(bench: Cloning, mode: str) -> None:
    container = bench.create("--network", mode)
    bench.run(container)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    assert swapped.new.endpoints.keys() == swapped.old.endpoints.keys() == {mode}


async def test_the_machines_host_name_is_not_the_containers(bench: Cloning) -> None:
    plain = await bench.swap(bench.create("--network", "host"))
    assert "Hostname" not in plain.clone.body
    named = await bench.swap(bench.create("--network", "host", "--hostname", "mine"))
    assert named.differences == []
    assert named.new.config["Hostname"] == "mine"
    uts = await bench.swap(bench.create("--uts", "host"))
    assert (uts.differences, "Hostname" in uts.clone.body) == ([], False)


async def test_in_anothers_network_it_has_neither_name_nor_ports(bench: Cloning) -> None:
    parent = bench.create("--hostname", "parent")
    bench.run(parent)
    child = bench.create("--network", f"container:{parent}")
    bench.run(child)
    swapped = await bench.swap(child)
    assert swapped.differences == []
    assert not swapped.clone.body.keys() & {"Hostname", "ExposedPorts", "NetworkingConfig"}
    bench.run(swapped.new.inspect["Id"])
    assert bench.docker("exec", swapped.new.inspect["Id"], "hostname") == "parent"


async def test_a_container_that_was_cut_off_its_network_is_refused(bench: Cloning) -> None:
    network, _ = bench.network()
    container = bench.create("--network", network)
    bench.docker("network", "disconnect", network, container)
    with pytest.raises(CloneError, match=f"configured for the network {network}"):
        await bench.swap(container)


async def test_a_container_that_was_moved_to_another_network_stays_there(bench: Cloning) -> None:
    first, second = bench.network()[0], bench.network()[0]
    container = bench.create("--network", first)
    bench.docker("network", "connect", "--alias", "moved", second, container)
    bench.docker("network", "disconnect", first, container)
    bench.run(container)
    swapped = await bench.swap(container)
    assert swapped.differences == []
    assert list(swapped.new.endpoints) == [second]
    assert "moved" in swapped.new.endpoints[second]["Aliases"]
