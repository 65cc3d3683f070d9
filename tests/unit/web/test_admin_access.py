"""Who may call the admin port: tokens, read-only addresses, and pages of other sites."""

from __future__ import annotations

import re

import pytest
from aiohttp import ClientSession, CookieJar
from pydantic import SecretStr

from listener.web.sessions import Sessions
from tests.unit.conftest import MakePanel, Panel, a_view

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


HEADER = {"X-Listener-Session": "x"}


async def signed_in(panel: Panel, proto: str = "http") -> tuple[ClientSession, str]:
    """A browser with a session, and the Set-Cookie that began it."""
    browser = ClientSession(cookie_jar=CookieJar(unsafe=True))
    headers = {**HEADER, "X-Forwarded-Proto": proto}
    url = f"{panel.url}/api/v1/session"
    async with browser.post(url, json={"token": TOKEN}, headers=headers) as answer:
        assert answer.status == 200
        return browser, answer.headers["Set-Cookie"]


async def test_a_session_reads_everywhere_and_commands_from_its_own_page_only(
    make_panel: MakePanel,
) -> None:
    panel = await make_panel(token=TOKEN)
    await panel.publish(a_view())
    browser, cookie = await signed_in(panel)
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    pause = f"{panel.url}/api/v1/targets/web/pause"
    async with browser:
        async with browser.get(f"{panel.url}/api/v1/targets") as answer:
            assert answer.status == 200
        for headers, status in [
            ({}, 403),
            ({**HEADER, "Sec-Fetch-Site": "cross-site"}, 403),
            ({**HEADER, "Sec-Fetch-Site": "same-site"}, 403),
            ({**HEADER, "Sec-Fetch-Site": "same-origin"}, 200),
        ]:
            async with browser.post(pause, headers=headers) as answer:
                assert answer.status == status, headers
        async with browser.delete(f"{panel.url}/api/v1/session", headers=HEADER) as answer:
            assert answer.status == 200
        async with browser.get(f"{panel.url}/api/v1/targets") as answer:
            assert answer.status == 401
    browser, cookie = await signed_in(panel, proto="https")
    await browser.close()
    assert "Secure" in cookie


async def test_a_cookie_is_worth_nothing_forged_late_or_with_another_token(
    make_panel: MakePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = await make_panel(token=TOKEN)
    sessions = Sessions(SecretStr(TOKEN))
    value = sessions.issue()
    other = Sessions(SecretStr("another")).issue()
    monkeypatch.setattr("listener.web.sessions.LASTS", -1)
    late = sessions.issue()
    later = str(int(value.split(".")[0]) + 1) + "." + value.split(".")[1]
    url = f"{panel.url}/api/v1/targets"
    # Other programs of the machine have cookies of their own, not all as the library wants them.
    odd = f'x={{"a":1}}; flag; k[0]=a b; path=/; {sessions.name}={value}; y='
    assert await status_of("GET", url, {"Cookie": odd}) == 200
    for given, status in [(value, 200), (other, 401), (late, 401), (later, 401), ("", 401)]:
        assert await status_of("GET", url, {"Cookie": f"{sessions.name}={given}"}) == status


async def test_who_may_sign_in_and_where(make_panel: MakePanel) -> None:
    panel = await make_panel(token=TOKEN)
    url = f"{panel.url}/api/v1/session"
    async with ClientSession() as http:
        for body, headers, status in [
            ({"token": "wrong"}, HEADER, 401),
            ({"token": TOKEN}, {}, 403),
            ({"token": TOKEN}, {**HEADER, "Sec-Fetch-Site": "cross-site"}, 403),
            ({}, HEADER, 400),
        ]:
            async with http.post(url, json=body, headers=headers) as answer:
                assert answer.status == status
                assert "Set-Cookie" not in answer.headers
    for options, read_only in [({}, False), ({"loopback": False}, True)]:
        panel = await make_panel(**options)
        async with ClientSession() as http:
            async with http.get(f"{panel.url}/api/v1/session") as answer:
                shown = await answer.json()
            assert (shown["token_needed"], shown["read_only"]) == (False, read_only)
            sign_in = http.post(f"{panel.url}/api/v1/session", json={"token": "x"}, headers=HEADER)
            async with sign_in as answer:
                assert answer.status == 409


async def test_browsers_are_kept_strict_and_get_the_dashboard(make_panel: MakePanel) -> None:
    panel = await make_panel(token=TOKEN)
    html = {"Accept": "text/html,*/*"}
    async with ClientSession() as http:
        async with http.get(f"{panel.url}/", headers=html) as answer:
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for path in re.findall(r'(?:href|src)="(dashboard/[^"]+)"', page):
            async with http.get(f"{panel.url}/{path}") as answer:
                assert answer.status == 200, path
                tag = answer.headers["ETag"]
            async with http.get(f"{panel.url}/{path}", headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304
        async with http.get(f"{panel.url}/") as answer:
            assert (await answer.text()).startswith("listener: deploys")
        async with http.get(f"{panel.url}/api/v1/targets") as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
        for path in ("dashboard/../auth.py", "dashboard/%2e%2e/auth.py", "dashboard/none.js"):
            assert await status_of("GET", f"{panel.url}/{path}") in (401, 404)
