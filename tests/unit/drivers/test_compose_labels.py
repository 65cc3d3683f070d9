"""What Compose wrote on its containers is read as it meant it."""

from __future__ import annotations

from typing import Any

import pytest

from listener.drivers.compose import being_replaced, is_restarted_with, service_of, services_in
from listener.drivers.listing import eligible, health_of
from listener.model.target import ComposeService

WEB = ComposeService(project="shop", service="web")


def listed(name: str, service: str = "web", **labels: str) -> dict[str, Any]:
    own = {"project": "shop", "service": service, "oneoff": "False"}
    own |= {key.replace("r_n", "r-n"): value for key, value in labels.items()}
    return {
        "Names": [f"/{name}"],
        "Labels": {f"com.docker.compose.{key}": value for key, value in own.items()},
    }


def test_replicas_are_in_the_order_of_their_numbers() -> None:
    numbers = ("10", "9", "1")
    found = services_in([listed(f"shop-web-{n}", container_number=n) for n in numbers])
    assert [one["Names"] for one in found[WEB]] == [[f"/shop-web-{n}"] for n in ("1", "9", "10")]


@pytest.mark.parametrize(
    "name", ["shop-web-1.old-7f3a9c1e", "shop-web-1.new-7f3a9c1e", "0123456789ab_shop-web-1"]
)
def test_what_stands_beside_a_replica_is_none(name: str) -> None:
    assert services_in([listed(name)]) == {}
    assert eligible(listed(name)) is None


def test_what_compose_run_made_is_none_either() -> None:
    one = listed("shop-web-run-1", oneoff="True")
    assert service_of(one) is None
    assert eligible(one) is None


def test_a_container_that_compose_is_replacing_is_told() -> None:
    others = [listed("shop-web-1"), listed("0123456789ab_shop-db-1", "db")]
    assert being_replaced(others, WEB) == []
    busy = listed("0123456789ab_shop-web-2")
    assert being_replaced([*others, busy], WEB) == ["0123456789ab_shop-web-2"]


@pytest.mark.parametrize(
    ("depends_on", "restarted"),
    [
        ("web:service_started:true", True),
        ("db:service_healthy:false,web:service_healthy:true", True),
        ("web:service_started:false", False),
        ("web2:service_started:true", False),
        ("web", False),
        ("", False),
    ],
)
def test_only_restart_true_is_honoured(depends_on: str, restarted: bool) -> None:
    assert is_restarted_with(listed("shop-job-1", "job", depends_on=depends_on), WEB) is restarted


def test_a_service_does_not_restart_itself_nor_that_of_another_project() -> None:
    restart = "web:service_started:true"
    assert not is_restarted_with(listed("shop-web-2", depends_on=restart), WEB)
    other = listed("blog-job-1", "job", depends_on=restart, project="blog")
    assert not is_restarted_with(other, WEB)


@pytest.mark.parametrize(
    ("states", "word"),
    [
        (("Up 2 s (healthy)", "Up 2 s (unhealthy)"), "unhealthy"),
        (("Up 2 s (healthy)", "Up 1 s (health: starting)"), "starting"),
        (("Up 2 s (healthy)", "Up 2 s (healthy)"), "healthy"),
        (("Up 2 s (healthy)", ""), "healthy"),
        (("", ""), "stopped"),
    ],
)
def test_a_service_is_as_well_as_the_worst_of_those_that_run(
    states: tuple[str, ...], word: str
) -> None:
    summaries = [{"State": "running" if one else "exited", "Status": one} for one in states]
    assert health_of(summaries) == word
