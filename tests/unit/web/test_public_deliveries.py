"""What is remembered of each request, and how often and from where a hook may be called."""

from __future__ import annotations

from typing import Any

import pytest

from listener.config import Hook, Rate, Settings
from listener.store import Unavailable
from listener.web.limits import RateLimits
from listener.web.peers import client_address
from tests.unit.conftest import a_view
from tests.unit.web.public_port import BODY, SIGNATURE, TOKEN, Port, sample, settings


async def test_every_answer_is_recorded_first(port: Port) -> None:
    await port.send(f"/hooks/hub/{TOKEN}", sample("dockerhub/push"))
    await port.send(f"/hooks/private/{TOKEN}", sample("distribution/delete_and_mount"))
    await port.send("/hooks/ci", b"{", X_Hub_Signature_256=SIGNATURE)
    await port.send("/hooks/open", b"{")
    await port.send("/hooks/team", {"image": "r.example/other/x:1"})
    await port.send("/hooks/hub", method="GET")
    await port.send("/hooks/nobody", BODY)
    told = [(one.hook, one.code, one.outcome) for one in port.log.deliveries]
    assert told == [
        ("hub", 202, "stored"),
        ("private", 200, "ignored"),
        ("ci", 401, "refused"),
        ("open", 400, "not understood"),
        ("team", 403, "refused"),
        ("hub", 405, "wrong method"),
        ("", 404, "no such hook"),
    ]
    assert port.log.deliveries[1].reason == "a delete: nothing was pushed"
    assert all(one.peer == "127.0.0.1" for one in port.log.deliveries)
    assert [one.authentic for one in port.log.deliveries] == [True, True, False, True] + [False] * 3


async def test_no_delivery_holds_a_secret(port: Port) -> None:
    await port.send(f"/hooks/hub/{TOKEN}", sample("dockerhub/push"))
    await port.send(f"/hooks/hub?token={TOKEN}", b"{}")
    await port.send("/hooks/hub/wrong-secret", b"{}", authorization="Bearer wrong-secret")
    await port.send(f"/hooks/{TOKEN}", b"{}")
    assert len(port.log.deliveries) == 4
    told = "".join(one.model_dump_json() for one in port.log.deliveries)
    assert TOKEN not in told
    assert "wrong-secret" not in told


async def test_what_cannot_be_recorded_is_not_said_to_be_done(port: Port) -> None:
    port.log.fault = Unavailable("no connection")
    ping = sample("distribution/delete_and_mount")
    assert (await port.send(f"/hooks/private/{TOKEN}", ping))[0] == 503
    assert (await port.send("/hooks/private/wrong", ping))[0] == 401
    assert (await port.send("/hooks/nobody", ping))[0] == 404


async def test_a_test_stores_no_push_and_tells_every_target(port: Port) -> None:
    port.views = [
        a_view(image="registry.example.test/shop/api", policy="1.4.2"),
        a_view("db", image="docker.io/library/postgres", policy="16"),
    ]
    code, answer = await port.send(
        "/hooks/ci", BODY, X_Hub_Signature_256=SIGNATURE, X_Listener_Test="1"
    )
    assert code == 200
    assert answer["pushes"] == []
    assert [(one["target"], one["matches"], one["reason"]) for one in answer["targets"]] == [
        ("web@h1", True, None),
        ("db@h1", False, "it runs docker.io/library/postgres"),
    ]
    assert not port.log.by_key
    assert [one.outcome for one in port.log.deliveries] == ["tested"]
    code, answer = await port.send("/hooks/ci", BODY, X_Listener_Test="1")
    assert code == 401


async def test_a_hook_with_a_rate_says_when_to_come_again(port: Port) -> None:
    rate = Rate.model_validate("2/m")
    port.hooks.replace(settings(ci=Hook(provider="generic", unauthenticated=True, rate_limit=rate)))
    codes = [(await port.send("/hooks/ci", BODY))[0] for _ in range(3)]
    assert codes == [202, 202, 429]
    assert 1 <= int(port.headers["Retry-After"]) <= 30
    assert port.log.deliveries[-1].outcome == "limited"
    assert 'listener_hook_requests_total{code="429",hook="ci",provider="generic"} 1.0' in (
        port.exposed()
    )


def test_a_rate_is_a_budget_that_fills_up_again() -> None:
    now = 1000.0
    rates, rate = RateLimits(lambda: now), Rate.model_validate("3/s")
    assert [rates.wait("a", rate) for _ in range(4)] == [0, 0, 0, 1]
    assert rates.wait("b", rate) == 0
    now += 0.34
    assert [rates.wait("a", rate) for _ in range(2)] == [0, 1]
    now += 60
    assert [rates.wait("a", rate) for _ in range(4)] == [0, 0, 0, 1]
    # A reloaded configuration with another rate counts anew.
    assert rates.wait("a", Rate.model_validate("1/h")) == 0
    assert rates.wait("a", Rate.model_validate("1/h")) == 3600


PROXIES: Any = ("10.0.0.0/8", "192.0.2.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.0.2", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", ["1.1.1.1, 198.51.100.7, 10.0.0.3"], "198.51.100.7"),
        ("10.0.0.2", ["1.1.1.1", "198.51.100.7", "192.0.2.1"], "198.51.100.7"),
        ("::ffff:10.0.0.2", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.2", ["made up"], "made up"),
        (None, ["198.51.100.7"], None),
    ],
)
def test_only_trusted_proxies_are_believed(
    peer: str | None, forwarded: list[str], client: str | None
) -> None:
    trusted = Settings.model_validate({"trusted_proxies": PROXIES}).trusted_proxies
    assert client_address(peer, forwarded, trusted) == client
    assert client_address(peer, forwarded, ()) == peer


async def test_addresses_behind_a_trusted_proxy(port: Port) -> None:
    away = {"provider": "generic", "allow_cidrs": ["192.0.2.0/24"]}
    behind = {"hooks": {"away": away}, "trusted_proxies": ["127.0.0.1"]}
    port.hooks.replace(Settings.model_validate(behind))
    assert (await port.send("/hooks/away", BODY, X_Forwarded_For="192.0.2.7"))[0] == 202
    assert (await port.send("/hooks/away", BODY, X_Forwarded_For="192.0.2.7, 1.2.3.4"))[0] == 403
    assert (await port.send("/hooks/away", BODY, X_Forwarded_For="junk"))[0] == 403
    assert (await port.send("/hooks/away", BODY))[0] == 403
    assert port.log.deliveries[0].peer == "192.0.2.7"


async def test_the_handshake_of_cloudevents(port: Port) -> None:
    hook = Hook(
        provider="generic",
        unauthenticated=True,
        origins=("eventgrid.azure.net",),
        rate_limit=Rate.model_validate("2/s"),
    )
    port.hooks.replace(settings(grid=hook, ci=Hook(provider="generic", unauthenticated=True)))
    origin = {"WebHook_Request_Origin": "EventGrid.azure.net"}
    code, _ = await port.send("/hooks/grid", method="OPTIONS", **origin)
    assert code == 200
    assert port.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert port.headers["WebHook-Allowed-Rate"] == "120"
    stranger = {"WebHook_Request_Origin": "evil.example"}
    assert (await port.send("/hooks/grid", method="OPTIONS", **stranger))[0] == 403
    assert (await port.send("/hooks/grid", method="OPTIONS"))[0] == 405
    assert (await port.send("/hooks/ci", method="OPTIONS", **origin))[0] == 405
