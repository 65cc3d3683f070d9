"""Somebody is paged at night: what the dashboard shows them, and what they do with it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from listener.demo.app import Behaviour, Release
from listener.demo.waiting import wait_for
from listener.demo.world import World
from tests.browser.conftest import PATIENT, OpenPage, overflows, shoot, short, violations
from tests.conftest import MakeWorld

expect.set_options(timeout=60_000)

HOST = "docker-1"


def paths(world: World, deployment: str) -> list[str]:
    target = f"{world.name('web')}%40{HOST}"
    return ["", f"targets/{target}", f"deployments/{deployment}", "history", "pushes", "hosts"]


def test_a_push_a_sick_push_and_the_way_back(make_world: MakeWorld, open_page: OpenPage) -> None:
    world = make_world(settings={"host": HOST, "defaults": {"health": {"settle": "10s"}}})
    url = world.begin("web", Release("1", check=PATIENT))
    name = world.name("web")
    page = open_page(world.listener.admin)
    page.evaluate("window.stays = true")
    expect(page.get_by_role("heading", level=1)).to_have_text("The one target runs as it should")

    # A push appears, goes on and ends, and nobody reloads.
    good = world.push("web", Release("2", check=PATIENT))
    running = page.get_by_role("region", name="Under way")
    expect(running.get_by_role("link", name=name)).to_be_visible()
    expect(running.get_by_role("timer")).to_contain_text("It has to stay so for")
    shoot(page, "live")
    expect(running).to_have_count(0)
    expect(page.get_by_role("region", name="Targets")).to_contain_text(short(good))
    expect(page.locator("#said")).to_contain_text(f"{name} succeeded")

    # A sick one is taken back, and its page says why, with the container's own words.
    sick = world.push("web", Release("3", Behaviour.SICK))
    alarm = page.get_by_role("region", name="Needs attention")
    expect(alarm).to_contain_text(f"{name} was taken back")
    expect(alarm).to_contain_text("no connection to the database")
    shoot(page, "overview")
    alarm.get_by_role("link", name="What happened").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Deployment of {name}")
    expect(page.locator(".notice")).to_contain_text("no connection to the database")
    expect(page.get_by_role("list").filter(has_text="Take back")).to_contain_text("Watch")
    expect(page.locator(".logs")).to_contain_text("version 3 begins, behaviour sick")
    assert page.evaluate("window.stays") is True, "the page was loaded once"
    shoot(page, "deployment")

    # From version 2 back to version 1, by hand, with a confirmation that names both.
    page.get_by_role("link", name=re.compile(f"{name} on")).click()
    page.get_by_role("button", name="Roll back …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(short(good))
    first = dialog.get_by_role("radio").first
    expect(first).to_be_checked()
    shoot(page, "rollback")
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Deployment of {name}")
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    assert world.answer(url) == "1"

    check_every_page(world, page, sick)


def check_every_page(world: World, page: Page, sick: str) -> None:
    """axe-core finds nothing on any of them, by day and by night, and a phone is wide enough."""
    taken_back = world.listener.deployment_of(world.name("web"), sick)["id"]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        for path in paths(world, taken_back):
            page.goto(f"{world.listener.admin}/#/{path}")
            page.locator(".page").wait_for()
            assert not violations(page), f"{path} {scheme}"
    page.set_viewport_size({"width": 390, "height": 844})
    for path in paths(world, taken_back):
        page.goto(f"{world.listener.admin}/#/{path}")
        page.locator(".page").wait_for()
        assert not overflows(page), path
    page.goto(f"{world.listener.admin}/#/{paths(world, taken_back)[2]}")
    page.locator(".logs").wait_for()
    shoot(page, "phone")
    page.goto(f"{world.listener.admin}/#/pushes")
    page.locator(".row.push").first.wait_for()
    shoot(page, "phone-pushes")


def test_a_target_is_paused_with_the_keyboard_alone(world: World, open_page: OpenPage) -> None:
    world.begin("web", Release("1", check=PATIENT))
    name = world.name("web")
    page = open_page(world.listener.admin)

    def tab_to(text: str) -> None:
        focused = "document.activeElement.textContent.trim()"
        wait_for(
            lambda: page.keyboard.press("Tab") or page.evaluate(focused) == text,
            f"Tab comes to {text}",
            every=0,
        )

    tab_to("Skip to content")
    page.keyboard.press("Enter")
    tab_to(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to("Pause …")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"Pause {name}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Pause …")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("")  # the field for the reason has no text of its own
    page.keyboard.type("Friday night")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("paused")
    expect(page.locator(".notice")).to_have_text("Friday night")
    assert world.listener.target(name)["reason"] == "Friday night"
    page.get_by_role("button", name="Resume …").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Friday night")
    tab_to("Resume")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).not_to_contain_text("paused")
