"""What a dry run tells: names of what stays and of what gives way, and never a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fragments import OLD_API, container, endpoint, volume

from listener.drivers.clone import plan_clone
from listener.drivers.preview import Preview
from listener.drivers.snapshot import Snapshot
from listener.model.journal import NewContainer, OldContainer
from listener.model.target import TargetSettings

BEFORE = {
    "Env": ["PATH=/bin", "APP_VERSION=1", "COLOUR=red", "GONE=1"],
    "Labels": {"vendor": "acme", "version": "1"},
    "Cmd": ["serve"],
    "Healthcheck": {"Test": ["CMD", "up"]},
    "Volumes": {"/data": {}},
}
AFTER = {
    "Env": ["PATH=/bin", "APP_VERSION=2", "COLOUR=blue", "FRESH=1"],
    "Labels": {"vendor": "acme", "version": "2"},
    "Cmd": ["serve", "--fast"],
    "User": "7",
}
SECRETS = ("hunter2", "blue", "acme", "s3cret", "--fast", "--quick")


def full() -> Snapshot:
    """A container with something of the user's in every place."""
    return container(
        {
            "Env": ["PATH=/bin", "APP_VERSION=1", "COLOUR=hunter2", "PASSWORD=hunter2", "GONE=1"],
            "Labels": {"vendor": "acme", "version": "1", "traefik.auth": "s3cret"},
            "Cmd": ["serve", "--quick"],
            "Healthcheck": {"Test": ["CMD", "up"]},
            "StopTimeout": 30,
        },
        {
            "NetworkMode": "front",
            "Memory": 1 << 28,
            "NanoCpus": 500000000,
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "PortBindings": {
                "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
                "53/udp": [{"HostIp": "", "HostPort": ""}],
            },
            "Binds": ["/srv/conf:/conf:ro"],
            "Tmpfs": {"/run": ""},
        },
        BEFORE,
        networks={"front": endpoint(Aliases=["web", "api"]), "back": endpoint()},
        mounts=[
            volume("f" * 64, "/data"),
            volume("uploads", "/uploads"),
            {"Type": "bind", "Source": "/srv/conf", "Destination": "/conf", "RW": False},
        ],
    )


def preview(old: Snapshot, image: dict[str, Any] | None, **settings: Any) -> Preview:
    return Preview(
        strategy="recreate",
        because="it publishes port 8080",
        old=OldContainer(
            id="old",
            name="web",
            image_id="sha256:" + "1" * 64,
            digest="sha256:" + "a" * 64,
            image_config=dict(old.image_config or {}),
            inspect=dict(old.inspect),
            was_running=True,
            was_healthy=True,
        ),
        new=NewContainer(digest="sha256:" + "b" * 64, reference="web:2"),
        clone=plan_clone(old, "web:2", OLD_API),
        setting=OLD_API,
        settings=TargetSettings.model_validate({"container": "web", **settings}),
        image=image,
    )


def test_everything_of_the_users_is_named() -> None:
    told = preview(full(), AFTER).sentences()
    assert told[:10] == (
        "strategy recreate: it publishes port 8080",
        "image: web:1 -> web:2",
        f"digest: sha256:{'a' * 64} -> sha256:{'b' * 64}",
        "keeps environment: COLOUR, PASSWORD",
        "keeps labels: traefik.auth",
        "keeps mounts: /conf (bind), /data (anonymous volume), /run (tmpfs),"
        " /uploads (volume uploads)",
        "keeps ports: any->53/udp, 127.0.0.1:8080->80/tcp",
        "keeps networks: front (aliases web, api), back",
        "keeps limits: Memory, NanoCpus",
        "keeps settings: Cmd, RestartPolicy, StopTimeout",
    )


def test_what_the_new_image_brings_is_named_where_it_is_known() -> None:
    told = preview(full(), AFTER).sentences()
    assert told[10:] == (
        "the new image changes environment: APP_VERSION",
        "the new image adds environment: FRESH",
        "the new image takes away environment: GONE",
        "the new image changes labels: version",
        "the new image takes away volumes: /data",
        "the new image adds settings: User",
        "the new image takes away settings: Healthcheck",
    )


def test_an_image_that_was_not_pulled_yet_gives_only_names() -> None:
    told = preview(full(), None).sentences()
    assert told[10:] == (
        "the new image is not on this engine yet: it would be pulled",
        "takes environment from the new image: APP_VERSION, GONE, PATH",
        "takes labels from the new image: vendor, version",
        "takes volumes from the new image: /data",
        "takes settings from the new image: Healthcheck",
    )


def test_no_value_is_told() -> None:
    for image in (AFTER, None):
        text = "\n".join(preview(full(), image).sentences())
        assert not [secret for secret in SECRETS if secret in text]


def test_a_container_with_nothing_of_its_own_keeps_nothing_to_tell() -> None:
    told = preview(container(), {}).sentences()
    assert [line for line in told if line.startswith("keeps")] == ["keeps networks: bridge"]


def test_what_would_run_around_the_swap_is_told() -> None:
    asked = preview(
        container(),
        {},
        preflight=True,
        release=["manage", "migrate"],
        lifecycle={"before_stop": ["drain"], "after_start": ["warm", "cache"]},
    )
    told = replace(asked, dependents=["web-vpn", "web-log"]).sentences()
    assert told[-5:] == (
        "before the swap: a twin of the new image has to be healthy",
        "before the swap, in the new image: manage migrate",
        "in the old container, before its stop: drain",
        "in the new container, once it is healthy: warm cache",
        "created again with it, since they live off it: web-log, web-vpn",
    )
    stopped = asked.old.model_copy(update={"was_running": False})
    assert replace(asked, old=stopped).sentences()[-1] == "it does not run, and would stay stopped"


def test_files_that_would_be_copied_are_named() -> None:
    asked = replace(preview(container(), {}), copies=["/etc/app.conf"], uncopied=["/x was not"])
    told = asked.sentences()
    assert "keeps files that were copied into it: /etc/app.conf" in told
    assert "/x was not" in told


def test_what_this_host_cannot_keep_is_told() -> None:
    lost = replace(OLD_API, cgroup_v2=True)
    old = container(None, {"OomKillDisable": True})
    told = replace(preview(old, {}), clone=plan_clone(old, "web:2", lost)).sentences()
    assert "OomKillDisable is not carried: cgroup v2 has no such limit" in told
