"""A real browser on the dashboard; a page that complains of anything fails its test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from listener.demo.app import Check

OpenPage = Callable[..., Page]

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / os.environ.get("SCREENSHOTS", ".work/screenshots")
# A browser keeps a machine busy: a check that is late shall not count as a sick app.
PATIENT = Check(timeout=20)
_PATIENCE = 60_000
"""Milliseconds until what a page is to show must be there; deployments take their time."""
_TRIES = 8


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=_FLAGS.split()
        )
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens a dashboard by its address; options are those of a browser context."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> Page:
            context = browser.new_context(**{"reduced_motion": "reduce", **options})
            stack.callback(context.close)
            context.set_default_timeout(_PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda problem: complaints.append(str(problem)))
            page.on("console", lambda said: _note(said.type, said.text, complaints))
            _arrive(page, url)
            return page

        yield make
    assert complaints == []


def _arrive(page: Page, url: str) -> None:
    """Chromium drops what it is loading when a network of the machine comes or goes, and those of
    containers do.
    """
    for _ in range(_TRIES):
        with suppress(Error):
            page.goto(url)
            page.get_by_role("heading", level=1).wait_for(timeout=_PATIENCE / _TRIES)
            return
    raise AssertionError(f"{url} does not load: {page.content()[:2000]}")


def _note(kind: str, text: str, complaints: list[str]) -> None:
    # That a request was answered with an error, or with none, is what some tests are about.
    if kind in ("error", "warning") and "Failed to load resource" not in text:
        complaints.append(text)


def short(digest: str) -> str:
    """A digest as pages show it."""
    return digest.removeprefix("sha256:")[:12]


def violations(page: Page) -> str:
    """What axe-core finds in a page, in words; empty where it finds nothing."""
    found = Axe().run(page)
    return str(found.generate_report()) if found.violations_count else ""


def shoot(page: Page, name: str) -> None:
    """Keeps a picture; `make screenshots` puts those of the documentation in their place."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def overflows(page: Page) -> bool:
    """Whether a page scrolls sideways."""
    width = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(page.evaluate(width))
