"""Which targets a swarm has: services named in the file, and services that carry labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from listener.config import LabelError, Settings, is_enabled, settings_from_labels
from listener.discovery import own_policy
from listener.drivers.engine import Engine
from listener.drivers.listing import HealthWord
from listener.drivers.own import IS_ITSELF, own_service
from listener.drivers.service import Service, manages
from listener.model.reference import BadReference, Reference, parse_reference
from listener.model.target import Target, TargetSettings
from listener.model.view import TargetView

_KINDS = ("Replicated", "Global")


def host_name(cluster: str) -> str:
    """The name of a swarm as a host."""
    return f"swarm-{cluster[:12]}"


async def cluster_of(engine: Engine) -> str | None:
    """The id of the swarm that this engine manages, None where it manages none.

    Raises EngineAway where its managers have no leader.
    """
    if not manages(await engine.info()):
        return None
    return str((await engine.swarm())["ID"])


class Services:
    """Looks at the swarm behind one manager."""

    def __init__(self, engine: Engine, settings: Settings, *, alone: bool = True) -> None:
        """Unless `alone`, a target without `host:` that is absent here is another swarm's."""
        self._engine = engine
        self._settings = settings
        self._alone = alone
        self._own: str | None = None

    def replace_settings(self, settings: Settings) -> None:
        """Takes a reloaded configuration."""
        self._settings = settings

    def remember(self, views: Sequence[TargetView]) -> None:
        """Nothing: a service of a swarm has its own name alone."""

    def forget(self, service_id: str) -> None:
        """Nothing is remembered of it: a swarm tells all of its services in one answer."""

    async def targets(self) -> list[Target]:
        """All targets of this swarm as they are now, by name. Raises EngineAway."""
        if self._own is None:
            self._own = await own_service(self._engine)
        services = {
            str(inspect["Spec"]["Name"]): inspect for inspect in await self._engine.list_services()
        }
        found = {
            name: self._bind(name, settings, services.get(settings.service))
            for name, settings in self._settings.targets.items()
            if settings.service is not None
            and settings.host in (None, self._settings.host)
            and (self._alone or settings.host is not None or settings.service in services)
        }
        taken = {target.container for target in found.values()}
        for name, inspect in services.items():
            if name not in taken and name not in found:
                target = self._labelled(name, inspect)
                if target is not None:
                    found[name] = target
        return [found[name] for name in sorted(found)]

    def _labelled(self, name: str, inspect: Mapping[str, Any]) -> Target | None:
        labels = Service(inspect).labels
        try:
            if not is_enabled(labels, self._settings.scope):
                return None
            settings = settings_from_labels(name, labels, self._settings.defaults, swarm=True)
        except LabelError as problem:
            return self._invalid(name, TargetSettings(service=name), str(problem))
        return self._bind(name, settings, inspect)

    def _invalid(self, name: str, settings: TargetSettings, problem: str) -> Target:
        return Target(
            name=name,
            host=self._settings.host,
            driver="swarm",
            settings=settings,
            container=settings.service or name,
            scope=self._settings.scope,
            problem=problem,
        )

    def _bind(
        self, name: str, settings: TargetSettings, inspect: Mapping[str, Any] | None
    ) -> Target:
        if inspect is None:
            return self._invalid(name, settings, f"there is no service {settings.service}")
        service = Service(inspect)
        try:
            reference = self._reference(service)
        except BadReference as problem:
            return self._invalid(name, settings, str(problem))
        target = Target(
            name=name,
            host=self._settings.host,
            driver="swarm",
            settings=settings,
            image=reference.name,
            spelling=service.image,
            tag=reference.tag,
            policy=settings.tag or own_policy(reference),
            container=service.name,
            container_id=service.id,
            image_id=service.digest or "",
            digests=(service.digest,) if service.digest else (),
            health=_health(service),
            scope=self._settings.scope,
        )
        return target.model_copy(update={"problem": self._problem(target, service)})

    def _reference(self, service: Service) -> Reference:
        reference = parse_reference(service.image)
        if reference.tag is None and reference.digest is None:
            reference = Reference(reference.registry, reference.repository, "latest")
        return reference.resolve(self._settings.aliases())

    def _problem(self, target: Target, service: Service) -> str | None:
        wanted = target.settings.image
        if wanted is not None:
            reference = parse_reference(wanted).resolve(self._settings.aliases())
            if reference.name != target.image:
                return f"service {service.name} runs {target.image}, not {reference.name}"
        if service.kind not in _KINDS:
            return (
                f"service {service.name} is a job, which runs to its end: only replicated and "
                "global services can be deployed"
            )
        if service.id == self._own and not self._settings.self_update:
            return IS_ITSELF
        if target.policy is None:
            return (
                f"service {service.name} runs a digest without a tag: "
                "say which tags to follow with tag:"
            )
        return None


def _health(service: Service) -> HealthWord:
    counts = service.inspect.get("ServiceStatus")
    if service.replicas == 0:
        return "stopped"
    if not isinstance(counts, Mapping):
        return "running"  # below API 1.41 nobody counts
    if counts.get("RunningTasks", 0) >= max(1, counts.get("DesiredTasks", 0)):
        return "healthy"
    return "starting" if service.status in ("updating", "rollback_started") else "unhealthy"
