"""Who gets in, what an offline page says, and a page that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lab.crowd import Crowd
from lab.redis_server import RedisServer
from listener.demo.listener import Listener
from listener.model.base import utc_now
from listener.model.deployment import (
    Deployment,
    Layer,
    Proof,
    State,
    Step,
    Trigger,
    new_deployment_id,
)
from listener.store import connect
from tests.browser.conftest import OpenPage, overflows, shoot, violations

TOKEN = "a-token-not-a-secret"


def aside(work: Coroutine[Any, Any, None]) -> None:
    """Runs to its end in another thread: in this one the browser has a loop of its own."""
    with ThreadPoolExecutor() as thread:
        thread.submit(lambda: asyncio.run(work)).result()


@pytest.fixture
def crowd(redis_server: RedisServer) -> Crowd:
    crowd = Crowd(redis_server.url, count=12, past=20)
    aside(crowd.settle())
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


def under_way(crowd: Crowd, state: State, step: Step) -> Deployment:
    return Deployment(
        id=new_deployment_id(step.started_at),
        target="app-003",
        host=crowd.host,
        trigger=Trigger.PUSH,
        image="registry.example.com/team/app-003",
        tag="v21",
        state=state,
        queued_at=step.started_at,
        started_at=step.started_at,
        steps=(step,),
    )


async def record(crowd: Crowd, deployment: Deployment) -> None:
    store = await connect(crowd.url)
    await (await crowd.ledger(store)).record(deployment)
    await store.close()


def test_a_pull_is_seen_by_layer_and_a_watch_by_its_clock(
    crowd: Crowd, listener: Listener, open_page: OpenPage
) -> None:
    page = open_page(listener.admin)
    sign_in(page)
    expect(page.get_by_role("link", name="app-000")).to_be_visible()
    now = utc_now()
    layers = (
        Layer(id="0a1b2c3d4e5f", status="Pull complete", current=30 * 2**20, total=30 * 2**20),
        Layer(id="1b2c3d4e5f60", status="Downloading", current=12 * 2**20, total=70 * 2**20),
        Layer(id="2c3d4e5f6071", status="Already exists"),
    )
    pulling = under_way(crowd, State.PULLING, Step(name="pull", started_at=now, layers=layers))
    aside(record(crowd, pulling))
    running = page.get_by_role("region", name="Under way")
    running.get_by_role("link", name="app-003").click()
    bar = page.get_by_role("progressbar", name="Pull: 2 of 3 layers, 42.0 MiB of 100.0 MiB")
    expect(bar).to_have_attribute("aria-valuenow", "42")
    expect(page.get_by_role("list", name="Layers")).to_contain_text("12.0 MiB of 70.0 MiB")
    shoot(page, "pull")
    assert not violations(page)

    proof = Proof(deadline=now + timedelta(seconds=600), said="no connection to the database")
    watch = Step(name="watch", started_at=now, proof=proof)
    aside(record(crowd, pulling.model_copy(update={"state": State.WATCHING, "steps": (watch,)})))
    clock = page.get_by_role("timer")
    expect(clock).to_contain_text("It is taken back in 5")
    said = clock.text_content()
    expect(clock).not_to_have_text(said or "", use_inner_text=True)
    expect(page.get_by_text("no connection to the database")).to_be_visible()
    assert page.get_by_role("button", name="Cancel …").count() == 0
    assert not violations(page)
