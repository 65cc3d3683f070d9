"""A target: one thing that runs an image on one engine, its settings and what it runs now."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator

from listener.model.base import Count, Noun, Seconds
from listener.model.reference import parse_reference
from listener.model.tag_policy import TagPolicy
from listener.model.window import WindowText


class ComposeService(Noun):
    """A service of a Compose project, as its containers' labels name it."""

    project: str
    service: str


class ComposeChoice(ComposeService):
    """The service that is a target.

    `write` is the file of the project into which the tag is written where a tag policy moves it:
    the variable that stands for the tag in the project's file.
    """

    write: str | None = None

    @field_validator("write")
    @classmethod
    def _a_file(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w.-]*\w[\w.-]*", value):
            raise ValueError(f"{value!r} is not the name of a file in the project, like .env")
        return value

    @property
    def named(self) -> ComposeService:
        """The service alone."""
        return ComposeService(project=self.project, service=self.service)


def a_command(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """A command and its arguments, if given; raises ValueError for an empty one."""
    if value is not None and not value:
        raise ValueError('give a command like ["pg_isready"]')
    return value


class Health(Noun):
    """How a new container proves itself."""

    timeout: Seconds | None = None
    settle: Seconds = 10.0
    http: str | None = None
    tcp: str | None = None
    exec: tuple[str, ...] | None = None

    @field_validator("http")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        found = re.fullmatch(r"https?://[^/:]*:(\d{1,5})(/\S*)?", value or "")
        if value is not None and not (found and _is_port(found[1])):
            raise ValueError(f"{value!r} is not an address like http://:8000/ready")
        return value

    @field_validator("tcp")
    @classmethod
    def _a_port(cls, value: str | None) -> str | None:
        found = re.fullmatch(r"[^/:]*:(\d{1,5})", value or "")
        if value is not None and not (found and _is_port(found[1])):
            raise ValueError(f'{value!r} is not a port like ":5432"')
        return value

    @field_validator("exec")
    @classmethod
    def _a_command(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return a_command(value)


def _is_port(text: str) -> bool:
    return 0 < int(text) < 65536


class Lifecycle(Noun):
    """Commands that are run inside containers around a swap.

    `before_stop` in the old one before it is stopped, where failing ends the deployment with the
    old one in place; `after_start` in the new one once it is healthy, where failing takes it back.
    """

    before_stop: tuple[str, ...] | None = None
    after_start: tuple[str, ...] | None = None

    @field_validator("before_stop", "after_start")
    @classmethod
    def _a_command(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return a_command(value)


class Rollout(Noun):
    """The same target on several hosts rolls host by host: those that say the same group.

    `parallelism` is how many are in their turn at once. On the first failure the others do not
    begin; with `rollback` those that were done go back as well.
    """

    group: str
    parallelism: Count = 1
    on_failure: Literal["stop", "rollback"] = "stop"

    @field_validator("group")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", value):
            raise ValueError(f"{value!r} is not a name of letters, digits, '.', '_' and '-'")
        return value


Strategy = Literal["recreate", "start-first", "warm"]
"""How the new container takes over; see `listener.drivers.strategy`."""


class Verify(Noun):
    """What an image has to prove: `cosign_key` is the file of the public key that signed it."""

    cosign_key: Path


class TargetSettings(Noun):
    """What the configuration file or labels say of one target; absent keys have the defaults."""

    image: str | None = None
    tag: TagPolicy | None = None
    container: str | None = None
    compose: ComposeChoice | None = None
    service: str | None = None
    host: str | None = None
    strategy: Literal["auto", "recreate", "start-first", "warm"] = "auto"
    preflight: bool = False
    release: tuple[str, ...] | None = None
    lifecycle: Lifecycle = Lifecycle()
    health: Health = Health()
    rollback: bool = True
    debounce: Seconds = 2.0
    pull_timeout: Seconds = 600.0
    parallelism: Count = 1
    rollout: Rollout | None = None
    keep: Count = 3
    reconcile: Seconds = 1800.0
    approve: bool = False
    approve_timeout: Seconds = 86400.0
    window: WindowText | None = None
    verify: Verify | None = None

    @property
    def service_of_compose(self) -> ComposeService | None:
        """The service of Compose that is the target, if it is one."""
        return self.compose.named if self.compose else None

    @field_validator("release")
    @classmethod
    def _a_command(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return a_command(value)

    @field_validator("image")
    @classmethod
    def _a_repository(cls, value: str | None) -> str | None:
        if value is not None:
            reference = parse_reference(value)
            if reference.tag or reference.digest:
                raise ValueError(f"{value!r}: give the repository alone, the tag goes under tag:")
        return value


class Target(Noun):
    """One thing on one engine as the worker sees it now.

    `image` is the normal form (``registry/repository``), `spelling` how the container itself
    names it, `tag` the tag in that spelling (``latest`` where it has neither tag nor digest, None
    where it has a digest only), `policy` the tags that it follows. `digests` are all digests that
    the running image is known by; a service whose containers differ in it has none, and no
    `image_id`. `container` is the first of its containers; `replicas` are the names of all of a
    Compose service, in their order. `own` says that this program itself runs in it. `scope` is the
    one of the listener that works on it. `problem` says why it cannot be deployed; then fields of
    what runs may be empty.
    """

    name: str
    host: str
    driver: Literal["container", "compose", "swarm"] = "container"
    settings: TargetSettings
    image: str = ""
    spelling: str = ""
    tag: str | None = None
    policy: TagPolicy | None = None
    container: str = ""
    container_id: str = ""
    replicas: tuple[str, ...] = ()
    image_id: str = ""
    digests: tuple[str, ...] = ()
    health: Literal["healthy", "unhealthy", "starting", "running", "stopped", "absent"] = "absent"
    own: bool = False
    scope: str | None = None
    problem: str | None = None

    @property
    def pin(self) -> str:
        """Under what its images are held: two listeners may have a target of the same name."""
        return f"{self.scope}/{self.name}" if self.scope else self.name

    @property
    def rollout_id(self) -> str | None:
        """What the same target has in common on all hosts of its rollout; None without one.

        Another image or other tags make another target, whatever the group is called.
        """
        rollout = self.settings.rollout
        if rollout is None or self.problem is not None:
            return None
        followed = hashlib.sha256(f"{self.image}\0{self.policy}".encode()).hexdigest()
        return f"{rollout.group}:{followed[:16]}"


class Good(Noun):
    """A digest that a target ran and that was committed as healthy.

    `image_id` is the engine's id of it, `image_config` the image's own defaults (Config of the
    image's inspect), kept because nothing can be subtracted from a container without them.
    """

    digest: str
    tag: str | None = None
    image_id: str = ""
    image_config: dict[str, Any] = {}
    deployment: str | None = None
    at: datetime


class Bad(Noun):
    """A digest that a target was taken back from."""

    digest: str
    deployment: str
    reason: str
    at: datetime


class Memory(Noun):
    """What is known of one target beyond what runs: newest first, at most `keep` good ones."""

    good: tuple[Good, ...] = ()
    bad: tuple[Bad, ...] = ()


class Pause(Noun):
    """Why and since when a target takes no deployments."""

    reason: str
    at: datetime
