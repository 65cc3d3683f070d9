"""The story: version 1 runs, version 2 is pushed and stays, version 3 is sick and is taken back."""

from __future__ import annotations

import time
from contextlib import suppress

from listener.demo import http
from listener.demo.app import Behaviour, Release
from listener.demo.listener import FINAL
from listener.demo.screen import Screen
from listener.demo.waiting import NeverHappened, wait_for
from listener.demo.world import HOOK, World

APP = "web"
_PATIENCE = 120.0
"""Seconds for one deployment to end."""
_GLANCE = 0.2
"""Seconds for one look at the app: a packet lost in a swap is sent again only after a second."""


def tell(world: World, screen: Screen) -> bool:
    """Tells the story in a world that stands; returns whether it ended as it should."""
    screen.chapter("Version 1 of a tiny web app is built, pushed and run")
    _push(world, screen, Release("1"))
    screen.command(
        f"docker run -d --name {world.name(APP)} --label listener.enable=true "
        f"--restart unless-stopped {world.image(APP)}"
    )
    url = world.run(APP)
    world.wait_answer(url, "1")
    screen.answer("1")
    world.listener.start()
    world.wait_late_push(APP)
    screen.event("listener: sees the container by its label, and that it runs what was pushed")

    screen.chapter("Version 2 is built and pushed to the same tag; nothing else is typed")
    second = _watch(world, screen, url, _push(world, screen, Release("2")))
    kept = world.container(APP)["Id"]

    screen.chapter("Version 3 is sick: it starts and serves, but its HEALTHCHECK fails")
    sick = Release("3", Behaviour.SICK)
    third = _watch(world, screen, url, _push(world, screen, sick))
    now = _seen(url)
    same = world.container(APP)["Id"] == kept

    screen.say()
    good = (second, third, now, same) == ("succeeded", "rolled_back", "2", True)
    if good:
        screen.verdict(True, "Version 3 was rolled back.")
        screen.verdict(True, "Version 2 answers, from the very container that ran before.")
    else:
        screen.verdict(
            False,
            f"This went wrong: version 2 {second}, version 3 {third}, "
            f"{'nobody' if now is None else f'version {now}'} answers.",
        )
    return good


def introduce(world: World, screen: Screen) -> None:
    """Says what stands before the story begins."""
    version = world.engine.docker("version", "--format", "{{.Server.Version}}")
    whose = "started for this demo" if world.engine.process else "the one that runs here"
    screen.fact("engine", f"{version}, {whose}")
    screen.fact("registry", f"{world.registry.host}, notifies {world.listener.public}/hooks/{HOOK}")
    screen.fact("listener", f"{world.listener.admin} with its embedded Redis")


def _seen(url: str) -> str | None:
    """The version that answers, if one does soon: one packet may be lost."""
    with suppress(NeverHappened):
        return wait_for(lambda: http.what_answers(url), f"{url} answers", timeout=10)
    return None


def _push(world: World, screen: Screen, release: Release) -> str:
    screen.command(f"docker push {world.image(APP)}")
    digest = world.push(APP, release, way="docker")
    screen.event(f"pushed version {release.version}, {digest[:19]}")
    return digest


def _watch(world: World, screen: Screen, url: str, digest: str) -> str:
    """Tells what listener and app do until the deployment of a digest has ended; returns how."""
    deadline = time.monotonic() + _PATIENCE
    answer = http.what_answers(url, timeout=_GLANCE)
    state = ""
    while time.monotonic() < deadline:
        now = http.what_answers(url, timeout=_GLANCE)
        if now != answer:
            screen.answer(now)
            answer = now
        history = world.listener.deployments(world.name(APP))
        mine = next((one for one in history if one["to_digest"] == digest), None)
        if mine is not None and mine["state"] != state:
            state = str(mine["state"])
            final = state in FINAL
            screen.state(state, mine["reason"] if final else None)
            if final:
                if mine["gap_seconds"] is not None:
                    gap = f"{mine['gap_seconds']:.2f} s"
                    screen.event(f"          {gap} from the old one's end to the new one's start")
                return state
        time.sleep(0.05)
    raise NeverHappened(f"the deployment did not end within {_PATIENCE:g} s")
