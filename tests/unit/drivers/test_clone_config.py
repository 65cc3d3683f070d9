"""The container's own part of a clone: what the user set stays, what the image set goes."""

from __future__ import annotations

from typing import Any

import pytest
from fragments import ID, NEW_API, OLD_API, container

from listener.drivers.clone import CloneError, Setting, Snapshot, plan_clone

HEALTH = {"Test": ["CMD", "up"], "Interval": 7, "Retries": 2}


def planned(config: dict[str, Any], image: dict[str, Any], **host: Any) -> dict[str, Any]:
    body = plan_clone(container(config, host, image), "web:2", NEW_API).body
    return {
        name: value
        for name, value in body.items()
        if name not in {"Image", "HostConfig", "NetworkingConfig"}
    }


ROWS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("nothing set", {}, {}, {}),
    ("host name", {"Hostname": "mine"}, {}, {"Hostname": "mine"}),
    ("generated host name", {"Hostname": ID[:12]}, {}, {}),
    ("user of the image", {"User": "7"}, {"User": "7"}, {}),
    ("own user", {"User": "5"}, {"User": "7"}, {"User": "5"}),
    ("directory of the image, shortened", {"WorkingDir": "/app"}, {"WorkingDir": "/app/"}, {}),
    ("own directory", {"WorkingDir": "/x"}, {"WorkingDir": "/app"}, {"WorkingDir": "/x"}),
    ("signal of the image", {"StopSignal": "SIGINT"}, {"StopSignal": "SIGINT"}, {}),
    ("own signal", {"StopSignal": "SIGINT"}, {}, {"StopSignal": "SIGINT"}),
    (
        "variables",
        {"Env": ["OWN=1", "A=mine", "B", "C=", "D=image"]},
        {"Env": ["A=image", "B=image", "C=image", "D=image"]},
        {"Env": ["OWN=1", "A=mine", "B", "C="]},
    ),
    ("command of the image", {"Cmd": ["run"]}, {"Cmd": ["run"]}, {}),
    ("own command", {"Cmd": ["x"]}, {"Cmd": ["run"]}, {"Cmd": ["x"]}),
    (
        "own command under the image's entrypoint",
        {"Entrypoint": ["e"], "Cmd": ["x"]},
        {"Entrypoint": ["e"], "Cmd": ["run"]},
        {"Cmd": ["x"]},
    ),
    (
        "own entrypoint makes the command a choice",
        {"Entrypoint": ["mine"], "Cmd": ["run"]},
        {"Entrypoint": ["e"], "Cmd": ["run"]},
        {"Entrypoint": ["mine"], "Cmd": ["run"]},
    ),
    (
        "cleared entrypoint",
        {"Entrypoint": None, "Cmd": ["run"]},
        {"Entrypoint": ["e"], "Cmd": ["run"]},
        {"Entrypoint": [""], "Cmd": ["run"]},
    ),
    (
        "empty entrypoint, which still takes the image's command",
        {"Entrypoint": [], "Cmd": ["run"]},
        {"Entrypoint": ["e"], "Cmd": ["run"]},
        {"Entrypoint": []},
    ),
    (
        "same entrypoint that kept the image's command out",
        {"Entrypoint": ["e"], "Cmd": None},
        {"Entrypoint": ["e"], "Cmd": ["run"]},
        {"Entrypoint": ["e"]},
    ),
    ("no entrypoint, two spellings", {"Entrypoint": None}, {"Entrypoint": []}, {}),
    (
        "labels",
        {"Labels": {"own": "1", "kept": "mine", "version": "1"}},
        {"Labels": {"kept": "image", "version": "1"}},
        {"Labels": {"own": "1", "kept": "mine"}},
    ),
    (
        "exposed ports",
        {"ExposedPorts": {"80/tcp": {}, "81/tcp": {}}},
        {"ExposedPorts": {"80/tcp": {}}},
        {"ExposedPorts": {"81/tcp": {}}},
    ),
    ("volumes, which are carried as mounts", {"Volumes": {"/data": {}}}, {}, {}),
    ("health check of the image", {"Healthcheck": HEALTH}, {"Healthcheck": HEALTH}, {}),
    (
        "one field of the health check",
        {"Healthcheck": HEALTH | {"Retries": 9}},
        {"Healthcheck": HEALTH},
        {"Healthcheck": {"Retries": 9}},
    ),
    (
        "no health check, with the image's timings beside it",
        {"Healthcheck": HEALTH | {"Test": ["NONE"]}},
        {"Healthcheck": HEALTH},
        {"Healthcheck": {"Test": ["NONE"]}},
    ),
    ("stop at once", {"StopTimeout": 0}, {}, {"StopTimeout": 0}),
    ("default stop timeout", {"StopTimeout": None}, {}, {}),
    ("terminal, even of a committed image", {"Tty": True}, {"Tty": True}, {"Tty": True}),
    ("domain", {"Domainname": "example.org"}, {}, {"Domainname": "example.org"}),
    ("shell", {"Shell": ["/bin/sh"]}, {}, {"Shell": ["/bin/sh"]}),
    ("a field of a later engine", {"Novelty": {"a": 1}}, {}, {"Novelty": {"a": 1}}),
    ("what only images have", {"OnBuild": ["RUN x"], "ArgsEscaped": True}, {}, {}),
]


@pytest.mark.parametrize(
    ("config", "image", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS]
)
def test_config(config: dict[str, Any], image: dict[str, Any], expected: dict[str, Any]) -> None:
    assert planned(config, image) == expected


@pytest.mark.parametrize("host", [{"NetworkMode": "container:other"}, {"UTSMode": "host"}], ids=str)
def test_a_shared_host_name_is_not_posted(host: dict[str, Any]) -> None:
    assert "Hostname" not in planned({"Hostname": "the-machine"}, {}, **host)


@pytest.mark.parametrize(
    ("name", "machine", "expected"),
    [("vm", "vm", None), ("mine", "vm", "mine"), ("vm", "", None)],
    ids=["the machine's", "the user's", "whose, is not known"],
)
def test_on_the_machines_network_only_a_name_of_the_users_is_posted(
    name: str, machine: str, expected: str | None
) -> None:
    old = container({"Hostname": name}, {"NetworkMode": "host"}, {})
    body = plan_clone(old, "web:2", Setting((1, 41), machine=machine)).body
    assert body.get("Hostname") == expected


def test_a_published_port_is_exposed_although_the_old_image_did_it() -> None:
    ports = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    body = planned(
        {"ExposedPorts": {"80/tcp": {}}}, {"ExposedPorts": {"80/tcp": {}}}, PortBindings=ports
    )
    assert body["ExposedPorts"] == {"80/tcp": {}}


def test_no_ports_are_exposed_in_the_network_of_another_container() -> None:
    body = planned({"ExposedPorts": {"80/tcp": {}}}, {}, NetworkMode="container:other")
    assert "ExposedPorts" not in body


@pytest.mark.parametrize(
    ("label", "expected"),
    [("sha256:old", "sha256:new"), ("sha256:platform", "sha256:fresh"), ("sha256:x", "sha256:x")],
)
def test_composes_image_label_moves_to_the_new_image(label: str, expected: str) -> None:
    old = container({"Labels": {"com.docker.compose.image": label}})
    images = {"sha256:old": "sha256:new", "sha256:platform": "sha256:fresh"}
    body = plan_clone(old, "web:2", Setting((1, 41), images=images)).body
    assert body["Labels"] == {"com.docker.compose.image": expected}


def test_the_reference_is_posted_as_it_is_spelled() -> None:
    assert plan_clone(container(), "web:2", OLD_API).body["Image"] == "web:2"


def test_without_the_images_defaults_nothing_is_cloned() -> None:
    with pytest.raises(CloneError, match="no longer knows the image"):
        plan_clone(Snapshot(container().inspect, None), "web:2", OLD_API)


def test_podmans_working_directory_is_not_taken_for_a_choice() -> None:
    old = container({"WorkingDir": "/"})
    assert "WorkingDir" not in plan_clone(old, "web:2", Setting((1, 41), podman=True)).body
    assert plan_clone(old, "web:2", OLD_API).body["WorkingDir"] == "/"
