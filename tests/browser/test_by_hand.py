"""What people do from the page with a deployment: approve it, cancel it, begin one."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from listener.demo.app import Release
from listener.demo.world import World
from tests.browser.conftest import PATIENT, OpenPage, shoot, short, violations
from tests.conftest import MakeWorld

expect.set_options(timeout=60_000)


def asked(page: Page, button: str) -> Locator:
    """The confirmation that a button of the page opens."""
    page.get_by_role("button", name=f"{button} …").click()
    return page.get_by_role("dialog")


def test_a_deployment_that_waits_is_cancelled_and_another_one_approved(
    make_world: MakeWorld, open_page: OpenPage
) -> None:
    world = make_world(settings={"defaults": {"approve": True, "health": {"settle": "1s"}}})
    url = world.begin("web", Release("1", check=PATIENT))
    name = world.name("web")
    runs = short(world.listener.target(name)["digest"])
    page = open_page(world.listener.admin)

    unwanted = world.push("web", Release("2", check=PATIENT))
    dialog = asked(page, "Cancel")
    expect(dialog).to_contain_text(short(unwanted))
    expect(dialog).to_contain_text(f"stays at {runs}")
    dialog.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_role("button", name="Cancel …")).to_have_count(0)
    [last] = world.listener.api("deployments?limit=1")["deployments"]
    assert (last["state"], last["from_digest"]) == ("skipped", None), last["reason"]

    wanted = world.push("web", Release("3", check=PATIENT))
    dialog = asked(page, "Approve")
    expect(dialog).to_contain_text(short(wanted))
    expect(dialog).to_contain_text(runs)
    shoot(page, "approve")
    assert not violations(page)
    # Whoever is not sure leaves it, and it goes on waiting.
    dialog.get_by_role("button", name="Leave it").click()
    expect(dialog).to_have_count(0)
    assert world.answer(url) == "1"
    asked(page, "Approve").get_by_role("button", name="Approve").click()
    expect(page.locator("#said")).to_contain_text(f"{name} succeeded")
    assert world.answer(url) == "3"


def test_a_tag_is_deployed_by_hand(world: World, open_page: OpenPage) -> None:
    url = world.begin("web", Release("1", check=PATIENT))
    name = world.name("web")
    before = world.push("web", Release("0", check=PATIENT), tag="before")
    page = open_page(world.listener.admin)
    page.get_by_role("link", name=name).first.click()
    dialog = asked(page, "Deploy")
    expect(dialog).to_contain_text(short(world.listener.target(name)["digest"]))

    # What goes wrong is said where it was asked for.
    dialog.get_by_label("Tag").fill("not a tag")
    dialog.get_by_role("button", name="Deploy").click()
    expect(dialog.get_by_role("alert")).to_contain_text("tag")

    dialog.get_by_label("Tag").fill("before")
    expect(dialog).to_contain_text("what before of")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Deployment of {name}")
    expect(page.locator(".verdict")).to_contain_text("succeeded")
    expect(page.locator(".verdict")).to_contain_text(short(before))
    assert world.answer(url) == "0"
