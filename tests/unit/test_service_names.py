"""A service of Compose keeps its name, whoever comes and goes."""

from __future__ import annotations

from listener.model.target import ComposeService
from listener.service_names import ServiceNames

SHOP, BLOG = (ComposeService(project=one, service="web") for one in ("shop", "blog"))


def test_two_that_come_at_once_have_their_projects_names() -> None:
    names = ServiceNames()
    assert names.of([SHOP, BLOG], set()) == {SHOP: "shop-web", BLOG: "blog-web"}
    assert names.of([SHOP], set()) == {SHOP: "shop-web"}


def test_the_first_keeps_its_own_name() -> None:
    names = ServiceNames()
    assert names.of([SHOP], set()) == {SHOP: "web"}
    assert names.of([SHOP, BLOG], set()) == {SHOP: "web", BLOG: "blog-web"}
    assert names.of([BLOG], set()) == {BLOG: "blog-web"}
    assert names.of([SHOP, BLOG], set()) == {SHOP: "web", BLOG: "blog-web"}


def test_also_after_a_restart() -> None:
    names = ServiceNames()
    names.remember({SHOP: "web"})
    assert names.of([BLOG, SHOP], set()) == {SHOP: "web", BLOG: "blog-web"}


def test_a_name_that_was_left_goes_to_who_came_and_is_not_taken_back() -> None:
    names = ServiceNames()
    names.of([SHOP], set())
    assert names.of([BLOG], set()) == {BLOG: "web"}
    assert names.of([SHOP, BLOG], set()) == {SHOP: "shop-web", BLOG: "web"}


def test_a_container_or_the_file_has_it_before_a_service() -> None:
    names = ServiceNames()
    names.of([SHOP], set())
    assert names.of([SHOP], {"web"}) == {SHOP: "shop-web"}
