"""The body that creates a container again, from a new image, as its user configured it.

What the engine shows of a container is its effective configuration: the image's defaults are
merged in, the daemon's filled in, and values of the running container mixed in. Here they are
taken apart: what the user set survives, what came from the old image is left out so that the new
image's default applies, what the engine assigned is not pinned. A user who set exactly the
image's value cannot be told from one who set nothing; it is taken for the image's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from listener.drivers.hostconfig import ZERO_COUNTS, plan_host
from listener.drivers.mounts import normal_path
from listener.drivers.networks import (
    MANY_AT_CREATE,
    connects,
    has_own_name,
    joins_container,
    plan_endpoints,
)
from listener.drivers.snapshot import CloneError, Setting, Snapshot
from listener.model.base import rfc3339
from listener.model.reference import is_digest
from listener.model.target import Good

__all__ = ["Clone", "CloneError", "Setting", "Snapshot", "hold_body", "new_reference", "plan_clone"]

COMPOSE_IMAGE = "com.docker.compose.image"
"""The label by which Compose tells whether a container runs the image of its name."""


@dataclass(frozen=True, slots=True)
class Clone:
    """What to post to create the container, and what to do before its start.

    `networks` are to be connected after create and before start, in this order: below API 1.44
    only one can be given at create. `notes` are sentences for the deployment's log.
    """

    body: dict[str, Any]
    networks: dict[str, dict[str, Any]]
    notes: tuple[str, ...] = field(default=())


def plan_clone(old: Snapshot, reference: str, setting: Setting) -> Clone:
    """The clone of a container under the image `reference`, which is posted as it is spelled.

    Raises CloneError where the container cannot be created again faithfully.
    """
    if not old.config or not old.host:
        raise CloneError("the engine's answer has no Config or no HostConfig of the container")
    body = plan_config(old, reference, setting)
    host, notes = plan_host(old, setting)
    endpoints = plan_endpoints(old, setting)
    at_create = dict(endpoints)
    if setting.api < MANY_AT_CREATE:
        at_create = dict(list(endpoints.items())[:1])
        if connects(old) and old.config.get("MacAddress"):
            body["MacAddress"] = old.config["MacAddress"]
    body["HostConfig"] = host
    if at_create:
        body["NetworkingConfig"] = {"EndpointsConfig": at_create}
    later = {name: value for name, value in endpoints.items() if name not in at_create}
    return Clone(body, later, tuple(notes))


APART = {
    *("Image", "Hostname", "User", "WorkingDir", "StopSignal", "Env", "Cmd", "Entrypoint"),
    *("Labels", "ExposedPorts", "Volumes", "Healthcheck", "MacAddress", "OnBuild", "ArgsEscaped"),
}
"""The fields of Config that are not simply carried where they are set."""


def plan_config(old: Snapshot, reference: str, setting: Setting) -> dict[str, Any]:
    """The container's own part of the body."""
    own, image = old.config, old.defaults
    body: dict[str, Any] = {"Image": reference}
    for name, value in own.items():
        if name not in APART and (value or (value is not None and name in ZERO_COUNTS)):
            body[name] = value
    body |= {
        name: own[name]
        for name in ("User", "StopSignal")
        if own.get(name) and own[name] != image.get(name)
    }
    if not generated_name(old, setting):
        body["Hostname"] = own["Hostname"]
    if chose_directory(old, setting):
        body["WorkingDir"] = own["WorkingDir"]
    parts = {
        "Env": chosen_environment(old),
        "Labels": chosen_labels(old, setting),
        "ExposedPorts": chosen_ports(old),
        "Healthcheck": chosen_healthcheck(old),
    }
    body |= {name: value for name, value in parts.items() if value}
    return body | chosen_command(old)


def generated_name(old: Snapshot, setting: Setting) -> bool:
    """Whether the host name is the engine's, the machine's or another container's."""
    name = old.config.get("Hostname")
    if not name or name == old.short_id or not has_own_name(old):
        return True
    # On the machine's network the engine writes down its name where the user gave none.
    on_machine = old.host.get("NetworkMode") == "host"
    return on_machine and setting.machine in {"", name}


def chose_directory(old: Snapshot, setting: Setting) -> bool:
    """Whether the working directory is the user's; the engine shortens the image's spelling."""
    own, image = old.config.get("WorkingDir") or "", old.defaults.get("WorkingDir") or ""
    if not own or (setting.podman and own == "/" and not image):
        return False
    return not image or normal_path(own) != normal_path(image)


def chosen_environment(old: Snapshot) -> list[str]:
    """The entries that are not the image's; ``KEY`` alone takes the image's value away."""
    defaults = set(old.defaults.get("Env") or ())
    return [entry for entry in old.config.get("Env") or () if entry not in defaults]


def chosen_labels(old: Snapshot, setting: Setting) -> dict[str, str]:
    """The labels that are not the image's, with Compose's image label moved to the new image."""
    defaults = old.defaults.get("Labels") or {}
    labels = {
        name: value
        for name, value in (old.config.get("Labels") or {}).items()
        if defaults.get(name) != value
    }
    if COMPOSE_IMAGE in labels:
        labels[COMPOSE_IMAGE] = setting.images.get(labels[COMPOSE_IMAGE], labels[COMPOSE_IMAGE])
    return labels


def chosen_ports(old: Snapshot) -> dict[str, dict[str, Any]]:
    """The ports that the user exposed or published.

    A published one must be among them: the engine leaves out, without a word, what neither the
    container nor the image exposes, and the new image may have stopped exposing it.
    """
    if joins_container(old):
        return {}
    own = set(old.config.get("ExposedPorts") or ()) - set(old.defaults.get("ExposedPorts") or ())
    return {port: {} for port in sorted(own | set(old.host.get("PortBindings") or ()))}


def chosen_healthcheck(old: Snapshot) -> dict[str, Any]:
    """The fields of the health check that are not the image's; the engine merges them by field."""
    own, image = old.config.get("Healthcheck") or {}, old.defaults.get("Healthcheck") or {}
    chosen = {name: value for name, value in own.items() if value and image.get(name) != value}
    if chosen.get("Test") == ["NONE"]:
        return {"Test": ["NONE"]}
    return chosen


def chosen_command(old: Snapshot) -> dict[str, Any]:
    """Entrypoint and Cmd, as far as they are the user's.

    The engine takes the image's Cmd only where neither is given, and the image's Entrypoint only
    for null. Under an Entrypoint of the user's even the image's Cmd is the user's choice.
    """
    own, image = old.config, old.defaults
    command = list(own.get("Cmd") or ())
    differs = command != list(image.get("Cmd") or ())
    if not chose_entrypoint(old):
        return {"Cmd": command} if differs else {}
    entrypoint = own.get("Entrypoint")
    if entrypoint == []:
        return {"Entrypoint": [], "Cmd": command} if differs else {"Entrypoint": []}
    # A cleared entrypoint is sent as [""] and shown as null.
    chosen = {"Entrypoint": [""] if entrypoint is None else list(entrypoint)}
    return chosen | {"Cmd": command} if command else chosen


def chose_entrypoint(old: Snapshot) -> bool:
    """Whether the entrypoint is the user's: another one, or the same that kept the Cmd out."""
    own, image = old.config, old.defaults
    if not own.get("Entrypoint") and not image.get("Entrypoint"):
        return own.get("Entrypoint") == [] and image.get("Entrypoint") is None
    if own.get("Entrypoint") != image.get("Entrypoint"):
        return True
    return bool(image.get("Cmd")) and not own.get("Cmd")


def new_reference(spelling: str, tag: str | None, digest: str) -> str:
    """The image's name for the clone, written as its user wrote the old one.

    ``repo:tag`` stays that with the new tag (None: the old one), a name without a tag stays bare
    for ``latest``, and what names a digest names the new one. Raises CloneError for an image id.
    """
    name, at, _ = spelling.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, old_tag = last.partition(":")
    if not spelling or is_digest(name) or (not slash and is_digest(f"sha256:{name}")):
        raise CloneError(
            "the container was made from an image id, which names no repository; create it"
            " again from a name like registry.example.com/team/web:tag"
        )
    wanted = tag or old_tag
    bare = not colon and (at or wanted in {"", "latest"})
    written = f"{head}{slash}{last}" if bare else f"{head}{slash}{last}:{wanted}"
    return f"{written}@{digest}" if at else written


def hold_body(pin: str, good: Good) -> dict[str, Any]:
    """The container that is never started and holds an image: only a container can do that.

    A tmpfs lies over each of the image's volumes, since the engine would make an anonymous
    volume for it already at create.
    """
    labels = {
        "listener.pin": pin,
        "listener.pin.digest": good.digest,
        "listener.pin.tag": good.tag,
        "listener.pin.deployment": good.deployment,
        "listener.pin.at": rfc3339(good.at),
    }
    # The engine compares the two paths as texts, the image's one shortened.
    volumes = [normal_path(path) for path in good.image_config.get("Volumes") or ()]
    return {
        "Image": good.image_id,
        "Cmd": ["pin"],
        "Labels": {name: value for name, value in labels.items() if value is not None},
        "HostConfig": {"NetworkMode": "none", "Tmpfs": dict.fromkeys(volumes, "")},
    }
