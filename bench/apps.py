"""An app on a network of its world's own, which every strategy but `recreate` asks for."""

from __future__ import annotations

from typing import Any

from listener.demo.app import PORT, Release
from listener.demo.engine import LABEL, EngineTrouble
from listener.demo.ports import free_port
from listener.demo.waiting import wait_for
from listener.demo.world import World


def network_of(world: World) -> str:
    """The network, which is made where it is not there yet."""
    name = f"{world.session}-net"
    try:
        world.engine.docker("network", "inspect", name)
    except EngineTrouble:
        world.engine.docker("network", "create", "--label", f"{LABEL}={world.session}", name)
    return name


def run_app(world: World, app: str, release: Release, *, published: bool, **settings: str) -> str:
    """Pushes a release and runs it; returns once it is healthy, with the URL of its port.

    `settings` are those of the target, like ``strategy="warm"``.
    """
    world.push(app, release)
    port = free_port()
    labels = {f"listener.{key}": value for key, value in settings.items()}
    labels |= {"listener.enable": "true", "listener.scope": world.session}
    world.engine.docker(
        *("run", "-d", "--name", world.name(app), "--network", network_of(world)),
        *(("-p", f"127.0.0.1:{port}:{PORT}") if published else ()),
        *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
        world.image(app),
    )
    wait_healthy(world, app)
    return f"http://127.0.0.1:{port}/"


def wait_healthy(world: World, app: str) -> None:
    """Returns once the app's container is healthy."""
    wait_for(
        lambda: world.container(app)["State"]["Health"]["Status"] == "healthy",
        f"{app} is healthy",
    )


def deploy(
    world: World, app: str, release: Release, state: str, *, every: float = 0.05
) -> dict[str, Any]:
    """Pushes a release; answers its deployment, which must end in this state."""
    return ended(world, app, world.push(app, release), state, every=every)


def ended(
    world: World, app: str, digest: str, state: str, *, every: float = 0.05
) -> dict[str, Any]:
    """Waits for the deployment of what was pushed, which must end in this state.

    Asks `every` so often, in seconds.
    """
    done = world.listener.deployment_of(world.name(app), digest, timeout=120, every=every)
    assert done["state"] == state, done
    return done
