"""Who may call the admin port: tokens, read-only addresses, and pages of other sites."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from tests.unit.conftest import MakePanel, a_view

TOKEN = "a-token-not-a-secret"


async def status_of(method: str, url: str, headers: dict[str, str] | None = None) -> int:
    async with ClientSession() as http, http.request(method, url, headers=headers) as answer:
        if answer.status in (401, 403):
            assert list(await answer.json()) == ["error"]
        return answer.status


@pytest.mark.parametrize("loopback", [True, False])
async def test_a_token_is_needed_for_everything_but_probes(
    make_panel: MakePanel, loopback: bool
) -> None:
    panel = await make_panel(token=TOKEN, loopback=loopback)
    await panel.publish(a_view())
    right = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/api/v1/targets", "/metrics"):
        url = panel.url + path
        assert await status_of("GET", url) == 401
        assert await status_of("GET", url, {"Authorization": "Bearer wrong"}) == 401
        assert await status_of("GET", url, {"Authorization": TOKEN}) == 401
        assert await status_of("GET", url, right) == 200
    deploy = f"{panel.url}/api/v1/targets/web/deploy"
    assert await status_of("POST", deploy) == 401
    assert await status_of("POST", deploy, right) == 202
    for path in ("/", "/healthz", "/readyz"):
        assert await status_of("GET", panel.url + path) == 200


async def test_without_a_token_other_machines_only_read(make_panel: MakePanel) -> None:
    panel = await make_panel(loopback=False)
    await panel.publish(a_view())
    assert await status_of("GET", f"{panel.url}/api/v1/targets") == 200
    deploy = f"{panel.url}/api/v1/targets/web/deploy"
    async with ClientSession() as http, http.post(deploy) as answer:
        assert answer.status == 403
        assert "set admin.token" in (await answer.json())["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Host": "localhost:8081", "Origin": "http://localhost:8081"}, 202),
        ({"Host": "10.1.2.3:8081"}, 202),
        ({"Host": "rebound.example.com"}, 403),
        ({"Host": "localhost.example.com"}, 403),
        ({"Origin": "https://evil.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:8081", "Origin": "http://localhost:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
    ],
)
async def test_on_loopback_no_page_of_another_site_gives_commands(
    make_panel: MakePanel, headers: dict[str, str], status: int
) -> None:
    panel = await make_panel()
    await panel.publish(a_view())
    assert await status_of("POST", f"{panel.url}/api/v1/targets/web/deploy", headers) == status


async def test_a_rebound_name_reads_nothing_either(make_panel: MakePanel) -> None:
    panel = await make_panel()
    evil = {"Host": "rebound.example.com"}
    assert await status_of("GET", f"{panel.url}/api/v1/targets", evil) == 403
    assert await status_of("GET", f"{panel.url}/metrics", evil) == 403
    assert await status_of("GET", f"{panel.url}/healthz", evil) == 200
