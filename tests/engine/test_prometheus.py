"""A real Prometheus with the rules that ship: what it says while a sick release comes and goes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lab.prometheus import Prometheus
from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.conftest import MakeWorld

BOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "config" / "grafana" / "listener.json").read_text()
)
# These have nothing to show until something has gone wrong twice.
MAY_BE_EMPTY = {"Rollbacks by reason"}


def deployed(world: World, release: Release, state: str) -> None:
    ended = world.listener.deployment_of(world.name("web"), world.push("web", release), timeout=120)
    assert ended["state"] == state, ended["reason"]


def test_the_alert_of_a_sick_release_fires_and_ends_and_the_dashboard_has_its_figures(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    world.begin("web", Release("1"))
    with Prometheus(tmp_path / "prometheus", world.listener.admin) as prometheus:
        deployed(world, Release("2"), "succeeded")
        assert not prometheus.firing()

        deployed(world, Release("3", Behaviour.SICK), "rolled_back")
        told = wait_for(prometheus.firing, "the alert fires", timeout=120)
        assert told == {"ListenerRolledBack"}

        deployed(world, Release("4"), "succeeded")
        wait_for(lambda: not prometheus.firing(), "the alert ends", timeout=120)

        chosen = choices(prometheus, BOARD["templating"]["list"])
        assert chosen["target"] == world.name("web")
        for panel in BOARD["panels"]:
            for asked in panel.get("targets", ()):
                shows(prometheus, filled(asked["expr"], chosen), panel["title"])
        for marks in BOARD["annotations"]["list"]:
            shows(prometheus, filled(marks["expr"], chosen), marks["name"])


def shows(prometheus: Prometheus, expression: str, title: str) -> None:
    """Returns once there is something to show: a rate needs a second look at what has changed."""
    if title in MAY_BE_EMPTY:
        prometheus.query(expression)
    else:
        wait_for(lambda: prometheus.query(expression), f"{title} has data", timeout=60)


def choices(prometheus: Prometheus, variables: list[dict[str, Any]]) -> dict[str, str]:
    """What a user chooses in each of the lists above the dashboard, as Grafana fills them."""
    chosen = {}
    for variable in variables:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable.get("definition", ""))
        if asked is not None:
            [chosen[variable["name"]]] = prometheus.values_of(asked[2], asked[1])
    return chosen


def filled(expression: str, chosen: dict[str, str]) -> str:
    """An expression as Grafana sends it."""
    for name, value in {"__rate_interval": "5m", **chosen}.items():
        expression = expression.replace(f"${name}", value)
    return expression
