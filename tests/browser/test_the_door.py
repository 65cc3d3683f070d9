"""Who gets in, what an offline page says, and a page that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lab.crowd import Crowd
from lab.listener import Listener
from lab.redis_server import RedisServer
from tests.browser.conftest import OpenPage, overflows, shoot, violations

TOKEN = "a-token-not-a-secret"


@pytest.fixture
def crowd(redis_server: RedisServer) -> Crowd:
    crowd = Crowd(redis_server.url, count=12, past=20)
    with ThreadPoolExecutor() as aside:  # the browser has a loop of its own in this thread
        aside.submit(lambda: asyncio.run(crowd.settle())).result()
    return crowd


@pytest.fixture
def listener(crowd: Crowd, tmp_path: Path) -> Iterator[Listener]:
    running = Listener(tmp_path / "serve", {"redis": crowd.url}, verb="serve")
    running.settings["admin"]["token"] = TOKEN
    running.write()
    running.start()
    yield running
    running.stop()


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_the_token_opens_and_a_script_never_sees_it(
    listener: Listener, open_page: OpenPage
) -> None:
    page = open_page(listener.admin)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert not violations(page)
    assert page.get_by_text("app-000").count() == 0
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("that is not the admin token")
    sign_in(page)
    expect(page.get_by_role("link", name="app-000")).to_be_visible()
    assert page.evaluate("document.cookie + JSON.stringify({...localStorage})") == "{}"
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")

    # A page of another site may know the cookie to be there, and still commands nothing.
    status = page.evaluate(
        "fetch('api/v1/targets/app-000/pause', {method: 'POST'}).then(a => a.status)"
    )
    assert status == 403
    page.reload()
    expect(page.get_by_role("link", name="app-000")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.context.cookies() == []


def test_a_page_says_that_it_is_offline_and_comes_back(
    listener: Listener, open_page: OpenPage
) -> None:
    page = open_page(listener.admin)
    sign_in(page)
    expect(page.locator(".live")).to_have_text("live")
    listener.stop()
    expect(page.get_by_role("alert")).to_contain_text("what you see is from then")
    expect(page.locator(".live")).to_have_text("offline")
    expect(page.get_by_role("link", name="app-000")).to_be_visible()
    listener.start()
    expect(page.locator(".live")).to_have_text("live")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_many_targets_fit_a_phone_and_are_found_by_name(
    listener: Listener, open_page: OpenPage
) -> None:
    page = open_page(listener.admin, viewport={"width": 390, "height": 844}, color_scheme="dark")
    sign_in(page)
    expect(page.get_by_role("link", name="app-000")).to_be_visible()
    assert not overflows(page)
    shoot(page, "phone-dark")
    page.get_by_placeholder("Filter").fill("app-011")
    expect(page.locator(".row.target")).to_have_count(1)
    page.goto(f"{listener.admin}/#/history?state=rolled_back")
    expect(page.locator(".row.deployment").first).to_contain_text("taken back")
    assert page.locator(".row.deployment").filter(has_text="succeeded").count() == 0
