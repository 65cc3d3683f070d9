"""A service before its update: what it was, and what would be done with it, in sentences: pure."""

from __future__ import annotations

from listener.deploy.convergence import Look
from listener.drivers.service import Service
from listener.drivers.stage import parts
from listener.model.journal import Journal, OldContainer
from listener.model.target import Memory, Target


def before(service: Service, now: Look, memory: Memory) -> OldContainer:
    """The service as it was; raises CannotSwapError for what cannot be updated."""
    known = any(good.digest == service.digest for good in memory.good)
    well = now.settled and now.stage in ("none", "completed")
    return OldContainer(
        id=service.id,
        name=service.name,
        image_id=service.digest or "",
        digest=service.digest,
        image_config={},
        inspect=dict(service.inspect),
        was_running=service.replicas != 0,
        was_healthy=service.digest is not None and (well or (known and now.running > 0)),
    )


def manner(service: Service) -> str:
    """How Swarm updates it."""
    update = service.update
    pace = f"{update.parallelism} at a time" if update.parallelism else "all at once"
    return (
        f"Swarm updates the tasks {pace}, {update.order}, watches each for {update.monitor:g} s, "
        f"and where one fails: {update.failure_action}"
    )


def told(service: Service, image: str, target: Target) -> tuple[str, ...]:
    """What a dry run says. Names alone, never values."""
    kept = {
        "secrets": (one.get("SecretName", "") for one in service.container.get("Secrets") or ()),
        "configs": (one.get("ConfigName", "") for one in service.container.get("Configs") or ()),
        "environment": (one.partition("=")[0] for one in service.container.get("Env") or ()),
        "mounts": (one.get("Target", "") for one in service.container.get("Mounts") or ()),
    }
    tasks = "one task on each node" if service.replicas is None else f"{service.replicas} tasks"
    return (
        f"service {service.name}: {tasks}",
        f"image: {service.image} -> {image}",
        manner(service),
        "where it fails, the service is rolled back"
        if target.settings.rollback
        else "where it fails, it is left as Swarm leaves it, since rollback is off",
        "keeps all else that the service is defined with",
        *(
            f"keeps {what}: {', '.join(listed)}"
            for what, names in kept.items()
            if (listed := sorted(names))
        ),
    )


def remedy(journal: Journal) -> str:
    """The commands that help where a rollback failed."""
    old, _ = parts(journal)
    image = Service(old.inspect).image
    name = journal.target.name
    return (
        f"`docker service ps --no-trunc {old.name}`, then `docker service update "
        f"--with-registry-auth --image {image} {old.name}`, then `listener resume {name}`"
    )
