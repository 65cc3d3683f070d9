"""Which targets an engine has: those named in the file, and what carries labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from listener.config import LabelError, Settings, is_enabled, settings_from_labels
from listener.drivers.compose import service_of, services_in
from listener.drivers.engine import Engine
from listener.drivers.errors import EngineError, EngineStuck, NotFound
from listener.drivers.facts import Facts
from listener.drivers.listing import eligible, health_of
from listener.drivers.names import own_name
from listener.drivers.own import IS_ITSELF, is_own, shares_network
from listener.drivers.service import manages
from listener.model.reference import BadReference, Reference, parse_reference
from listener.model.tag_policy import TagPolicy
from listener.model.target import Target, TargetSettings
from listener.model.view import TargetView
from listener.reliance import left_alone, relied_on
from listener.service_names import ServiceNames

Summary = Mapping[str, Any]


class Discovery:
    """Looks at one engine; remembers what cannot change in a container's life."""

    def __init__(self, engine: Engine, settings: Settings, *, alone: bool = True) -> None:
        """Unless `alone`, a target without `host:` that is absent here is another host's."""
        self._engine = engine
        self._settings = settings
        self._alone = alone
        self._known: dict[tuple[str, ...], Target] = {}
        self._service_names = ServiceNames()
        self._facts = Facts(engine)

    async def targets(self) -> list[Target]:
        """All targets of this host as they are now, by name. Raises EngineAway."""
        listed = await self._engine.list_containers(all=True)
        summaries = [one for one in listed if eligible(one) is not None]
        found = await self._without_swarm()
        taken: set[str] = set()
        relied_on_here = relied_on(self._settings, summaries)
        for name, settings in self._settings.targets.items():
            if settings.service is not None:
                continue
            own = _those_of(settings, summaries)
            if self._is_here(settings, own):
                bound = await self._bind(name, settings, own)
                found[name] = left_alone(bound, _first(relied_on_here, own), named=True)
                taken |= {one["Id"] for one in own}
        for name, own in self._labelled_groups(summaries, found).items():
            if taken.isdisjoint(one["Id"] for one in own):
                target = await self._labelled(name, own)
                if target.settings.host not in (None, self._settings.host):
                    continue
                found[name] = left_alone(target, _first(relied_on_here, own))
        ids = {summary["Id"] for summary in summaries}
        self._known = {of: target for of, target in self._known.items() if ids.issuperset(of)}
        return [found[name] for name in sorted(found)]

    async def _without_swarm(self) -> dict[str, Target]:
        """Services in the file, where neither this engine nor another host can have any."""
        services = {
            name: settings
            for name, settings in self._settings.targets.items()
            if settings.service is not None
        }
        if not services or not self._alone or manages(await self._engine.info()):
            return {}
        return {
            name: Target(
                name=name,
                host=self._settings.host,
                driver="swarm",
                settings=settings,
                container=settings.service or name,
                problem="services are seen by a manager of a swarm, and this engine is none",
            )
            for name, settings in services.items()
        }

    async def parked(self, container: str, summary: Summary) -> Target | None:
        """The target that a parked container belongs to, named `container` by right."""
        here = {**summary, "Names": [f"/{container}"]}
        names = set()
        for name, settings in self._settings.targets.items():
            if settings.host in (None, self._settings.host):
                if _those_of(settings, [here]):
                    return await self._bind(name, settings, [here])
                names.add(name)
        if not self._asks(here):
            return None
        listed = await self._engine.list_containers(all=True)
        others = [one for one in listed if eligible(one) and one["Id"] != here["Id"]]
        groups = self._labelled_groups([here, *others], names)
        mine = next((name for name, own in groups.items() if here in own), None)
        return await self._labelled(mine, [here]) if mine is not None else None

    def _is_here(self, settings: TargetSettings, own: Sequence[Summary]) -> bool:
        if settings.host not in (None, self._settings.host):
            return False
        return self._alone or settings.host is not None or bool(own)

    def _labelled_groups(
        self, summaries: Sequence[Summary], names: Collection[str]
    ) -> dict[str, Sequence[Summary]]:
        """What is a target by its labels, by name: a container, or a service with its replicas."""
        groups: dict[str, Sequence[Summary]] = {
            own_name(one): [one] for one in summaries if self._asks(one) and service_of(one) is None
        }
        services = {of: own for of, own in services_in(summaries).items() if self._asks(own[0])}
        called = self._service_names.of(services, {*names, *groups})
        groups |= {called[of]: own for of, own in services.items()}
        return {name: own for name, own in groups.items() if name not in names}

    def _asks(self, summary: Summary) -> bool:
        """Whether its labels are meant for this program, be they right or wrong."""
        try:
            return is_enabled(summary.get("Labels") or {}, self._settings.scope)
        except LabelError:
            return True

    async def _labelled(self, name: str, own: Sequence[Summary]) -> Target:
        known = self._seen_before(name, own)
        if known is not None:
            return known
        labels, container = own[0].get("Labels") or {}, own_name(own[0])
        try:
            runs = service_of(own[0]) or container
            settings = settings_from_labels(runs, labels, self._settings.defaults)
        except LabelError as problem:
            settings = TargetSettings(container=container)
            return self._invalid(name, settings, str(problem), own)
        return await self._bind(name, settings, own)

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
        self._settings = settings
        self._known.clear()

    def _seen_before(self, name: str, own: Sequence[Summary]) -> Target | None:
        """A target that was read before, as healthy as it is now."""
        known = self._known.get(tuple(one["Id"] for one in own))
        if known is None or known.name != name:
            return None
        health = health_of(own)
        return known if health == known.health else known.model_copy(update={"health": health})

    def remember(self, views: Sequence[TargetView]) -> None:
        """Takes the names that services of Compose had when they were last published."""
        self._service_names.remember({one.compose: one.name for one in views if one.compose})

    def forget(self, container_id: str) -> None:
        """Reads a container's image anew next time: an image may gain digests."""
        self._known = {of: one for of, one in self._known.items() if container_id not in of}

    def _invalid(
        self, name: str, settings: TargetSettings, problem: str, own: Sequence[Summary] = ()
    ) -> Target:
        return Target(
            name=name,
            host=self._settings.host,
            driver="compose" if settings.compose else "container",
            settings=settings,
            container=settings.container or (own_name(own[0]) if own else name),
            scope=self._settings.scope,
            problem=problem,
        )

    async def _bind(self, name: str, settings: TargetSettings, own: Sequence[Summary]) -> Target:
        if not own:
            return self._invalid(name, settings, _absent(settings))
        known = self._seen_before(name, own)
        if known is not None:
            return known
        container = own_name(own[0])
        try:
            spelling, image_id, digests = await self._facts.of(own)
            reference = self._reference(spelling, container)
        except NotFound:
            return self._invalid(name, settings, f"container {container} is gone", own)
        except (EngineError, EngineStuck) as problem:
            # One wreck must not hide all other targets.
            reason = f"the engine cannot tell what container {container} is: {problem}"
            return self._invalid(name, settings, reason, own)
        except BadReference as problem:
            return self._invalid(name, settings, str(problem), own)
        target = Target(
            name=name,
            host=self._settings.host,
            driver="compose" if settings.compose else "container",
            settings=settings,
            image=reference.name,
            spelling=spelling,
            tag=reference.tag,
            policy=settings.tag or own_policy(reference),
            container=settings.container or container,
            replicas=tuple(own_name(one) for one in own) if settings.compose else (),
            container_id=own[0]["Id"],
            image_id=image_id,
            digests=digests,
            health=health_of(own),
            scope=self._settings.scope,
            own=any(is_own(one) for one in own),
        )
        bound = target.model_copy(update={"problem": self._problem(target, own[0])})
        self._known[tuple(one["Id"] for one in own)] = bound
        return bound

    def _reference(self, spelling: str, container: str) -> Reference:
        if re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", spelling):
            raise BadReference(
                f"container {container} was created from the image id {spelling[:19]}, "
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
            return (
                "it is a task of a Swarm service, which Swarm itself replaces: label the service "
                "instead (deploy: labels: in a stack's file)"
            )
        if "PODMAN_SYSTEMD_UNIT" in labels:
            return "it belongs to a systemd unit, which would create it again"
        if target.own and not self._settings.self_update:
            return IS_ITSELF
        if target.own and shares_network(summary):
            return "it may be this program itself, which replaces only what has its own network"
        if target.own and len(target.replicas) > 1:
            return "it is this program itself, which cannot replace more than one container"
        return None


def _those_of(settings: TargetSettings, summaries: Sequence[Summary]) -> Sequence[Summary]:
    """The containers of a target in the file."""
    if settings.compose is not None:
        return services_in(summaries).get(settings.compose.named, [])
    return [one for one in summaries if own_name(one) == settings.container]


def _first(reasons: Mapping[str, str], own: Sequence[Summary]) -> str | None:
    return next((reasons[one["Id"]] for one in own if one["Id"] in reasons), None)


def _absent(settings: TargetSettings) -> str:
    if settings.compose is None:
        return f"there is no container {settings.container}"
    of = settings.compose
    return f"there is no container of service {of.service} in Compose project {of.project}"


def own_policy(reference: Reference) -> TagPolicy | None:
    """What a target follows that says nothing: the tag that it runs."""
    return TagPolicy(exact=reference.tag) if reference.tag else None
