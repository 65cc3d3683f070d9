"""Which targets an engine has: containers named in the file, and containers that carry labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from listener.config import LabelError, Settings, is_enabled, settings_from_labels
from listener.config.redis_address import redis_servers
from listener.drivers.engine import Engine
from listener.drivers.errors import NotFound
from listener.drivers.helper import HELPER_LABEL
from listener.drivers.images import digests_of
from listener.drivers.mainstays import Mainstay, mainstay_at, serves
from listener.drivers.names import PIN, parse_parked
from listener.drivers.own import is_own
from listener.model.reference import BadReference, Reference, parse_reference
from listener.model.target import TagPolicy, Target, TargetSettings

HealthWord = Literal["healthy", "unhealthy", "starting", "running", "stopped", "absent"]

# Compose gives a container that it is replacing a name like this for a moment.
_COMPOSE_TEMPORARY = re.compile(r"[0-9a-f]{12}_.+")


class Discovery:
    """Looks at one engine; remembers what cannot change in a container's life."""

    def __init__(self, engine: Engine, settings: Settings, *, alone: bool = True) -> None:
        """Unless `alone`, a target without `host:` that is absent here is another host's."""
        self._engine = engine
        self._settings = settings
        self._alone = alone
        self._known: dict[str, Target] = {}

    async def targets(self) -> list[Target]:
        """All targets of this host as they are now, by name. Raises EngineAway."""
        summaries = {
            name: summary
            for summary in await self._engine.list_containers(all=True)
            if (name := _eligible(summary)) is not None
        }
        found = {
            name: await self._bind(name, settings, summaries.get(settings.container or ""))
            for name, settings in self._settings.targets.items()
            if settings.host in (None, self._settings.host)
            and (self._alone or settings.host is not None or settings.container in summaries)
        }
        taken = {target.container for target in found.values()}
        relied_on = self._relied_on(list(summaries.values()))
        for name, summary in summaries.items():
            if name not in taken and name not in found:
                target = await self._labelled(name, summary)
                if target is not None:
                    found[name] = _left_alone(target, relied_on.get(summary["Id"]))
        ids = {summary["Id"] for summary in summaries.values()}
        self._known = {id_: target for id_, target in self._known.items() if id_ in ids}
        return [found[name] for name in sorted(found)]

    async def parked(self, container: str, summary: Mapping[str, Any]) -> Target | None:
        """The target that a parked container belongs to, named `container` by right."""
        for name, settings in self._settings.targets.items():
            if settings.container == container and settings.host in (None, self._settings.host):
                return await self._bind(name, settings, summary)
        return await self._labelled(container, summary)

    async def _labelled(self, name: str, summary: Mapping[str, Any]) -> Target | None:
        labels = summary.get("Labels") or {}
        try:
            if not is_enabled(labels, self._settings.scope):
                return None
            known = self._seen_before(name, summary)
            if known is not None:
                return known
            settings = settings_from_labels(name, labels, self._settings.defaults)
        except LabelError as problem:
            return self._invalid(name, TargetSettings(container=name), str(problem))
        return await self._bind(name, settings, summary)

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
        self._settings = settings
        self._known.clear()

    def _seen_before(self, name: str, summary: Mapping[str, Any]) -> Target | None:
        """A target that was read before, as healthy as it is now."""
        known = self._known.get(summary["Id"])
        if known is None or known.name != name:
            return None
        health = _health(summary)
        return known if health == known.health else known.model_copy(update={"health": health})

    def forget(self, container_id: str) -> None:
        """Reads a container's image anew next time: an image may gain digests."""
        self._known.pop(container_id, None)

    def _invalid(self, name: str, settings: TargetSettings, problem: str) -> Target:
        return Target(
            name=name,
            host=self._settings.host,
            settings=settings,
            container=settings.container or name,
            problem=problem,
        )

    async def _bind(
        self, name: str, settings: TargetSettings, summary: Mapping[str, Any] | None
    ) -> Target:
        if summary is None:
            return self._invalid(name, settings, f"there is no container {settings.container}")
        known = self._seen_before(name, summary)
        if known is not None:
            return known
        try:
            spelling, image_id, digests = await self._facts(summary["Id"])
            reference = self._reference(spelling, settings)
        except NotFound:
            return self._invalid(name, settings, f"container {settings.container} is gone")
        except BadReference as problem:
            return self._invalid(name, settings, str(problem))
        target = Target(
            name=name,
            host=self._settings.host,
            settings=settings,
            image=reference.name,
            spelling=spelling,
            tag=reference.tag,
            policy=settings.tag or _own_policy(reference),
            container=settings.container or name,
            container_id=summary["Id"],
            image_id=image_id,
            digests=digests,
            health=_health(summary),
            own=is_own(summary["Id"]),
        )
        bound = target.model_copy(update={"problem": self._problem(target, summary)})
        self._known[summary["Id"]] = bound
        return bound

    def _relied_on(self, summaries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Container id -> what it is to this program, of those that it stands on."""
        own = next((one for one in summaries if is_own(one["Id"])), None)
        return {
            summary["Id"]: mainstay.what
            for mainstay in self._mainstays(summaries)
            for summary in summaries
            if summary is not own and serves(summary, mainstay, own)
        }

    def _mainstays(self, summaries: Sequence[Mapping[str, Any]]) -> list[Mainstay]:
        settings = self._settings
        urls = [("the way to the engine", settings.engine)]
        if settings.redis is not None:
            urls += [("the Redis", url) for url in redis_servers(settings.redis)]
        hosts = {*settings.registries, *settings.aliases(), *_registries(summaries)}
        urls += [("the registry", f"//{host}") for host in sorted(hosts)]
        found = (mainstay_at(what, url) for what, url in urls)
        return [mainstay for mainstay in found if mainstay is not None]

    def _reference(self, spelling: str, settings: TargetSettings) -> Reference:
        if re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", spelling):
            raise BadReference(
                f"container {settings.container} was created from the image id {spelling[:19]}, "
                "not from a name: create it again from its image's name"
            )
        reference = parse_reference(spelling)
        if reference.tag is None and reference.digest is None:
            reference = Reference(reference.registry, reference.repository, "latest")
        return reference.resolve(self._settings.aliases())

    def _problem(self, target: Target, summary: Mapping[str, Any]) -> str | None:
        labels = summary.get("Labels") or {}
        wanted = target.settings.image
        if wanted is not None:
            reference = parse_reference(wanted).resolve(self._settings.aliases())
            if reference.name != target.image:
                return f"container {target.container} runs {target.image}, not {reference.name}"
        if target.policy is None:
            return (
                f"container {target.container} runs a digest without a tag: "
                "say which tags to follow with tag:"
            )
        if "com.docker.swarm.task" in labels:
            return "it is a task of a Swarm service, which Swarm itself replaces"
        if "PODMAN_SYSTEMD_UNIT" in labels:
            return "it belongs to a systemd unit, which would create it again"
        if target.own and not self._settings.self_update:
            return "it is this program itself: set self_update: true if it shall replace itself"
        return None

    async def _facts(self, container_id: str) -> tuple[str, str, tuple[str, ...]]:
        """Spelling, image id and digests; the list shows an id where the tag has moved on."""
        inspect = await self._engine.inspect_container(container_id)
        try:
            image = await self._engine.inspect_image(inspect["Image"])
        except NotFound:
            image = {"Id": inspect["Image"]}
        return inspect["Config"]["Image"], inspect["Image"], tuple(digests_of(image, inspect))


def _eligible(summary: Mapping[str, Any]) -> str | None:
    """The name of a container that may be a target; None for what stands beside one."""
    names: list[str] = [name[1:] for name in summary.get("Names") or () if name.count("/") == 1]
    labels = summary.get("Labels") or {}
    if not names or PIN in labels or HELPER_LABEL in labels:
        return None
    if labels.get("com.docker.compose.oneoff") == "True":
        return None
    name = names[0]
    if parse_parked(name) or _COMPOSE_TEMPORARY.fullmatch(name):
        return None
    return name


def _left_alone(target: Target, what: str | None) -> Target:
    """The target, refused where a label alone asks to replace what this program stands on."""
    if what is None or target.problem is not None:
        return target
    problem = (
        f"it is {what}, which this program relies on: name it under targets: in the "
        "configuration's file if it shall be replaced all the same"
    )
    return target.model_copy(update={"problem": problem})


def _own_policy(reference: Reference) -> TagPolicy | None:
    return TagPolicy(exact=reference.tag) if reference.tag else None


def _health(summary: Mapping[str, Any]) -> HealthWord:
    """From the list's own words, so that fifty targets cost one call."""
    if summary.get("State") != "running":
        return "stopped" if summary.get("State") != "restarting" else "unhealthy"
    status = str(summary.get("Status", ""))
    if "(unhealthy)" in status:
        return "unhealthy"
    if "(healthy)" in status:
        return "healthy"
    return "starting" if "(health: starting)" in status else "running"


def _registries(summaries: Sequence[Mapping[str, Any]]) -> set[str]:
    """The registries that the images of containers come from."""
    found = set()
    for summary in summaries:
        with suppress(BadReference):
            found.add(parse_reference(str(summary.get("Image", ""))).registry)
    return found
