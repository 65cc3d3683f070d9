"""The rules of the shipped socket proxy and the calls that the drivers make are the same paths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.socket_proxy import SHIPPED, configuration, generalised, rules

DRIVERS = Path(__file__).parents[2] / "listener/drivers"
_WRITTEN = re.compile(
    r'f?"((?:containers|images|networks|exec|services|tasks|nodes|swarm|distribution|info|version'
    r'|events|_ping)(?:/[^"]*)?)"'
)
# Read together with their verbs where they are called.
_WORDS = {"/exec", "/distribution"}


def written() -> set[str]:
    calls = ("engine.py", "wire.py", "container_calls.py", "image_calls.py", "service_calls.py")
    found = {
        "/" + re.sub(r"\{[^{}]*\}", "*", match[1])
        for name in calls
        for match in _WRITTEN.finditer((DRIVERS / name).read_text())
    }
    if "/exec/*" in found:
        found = found - {"/exec/*"} | {"/exec/*/start", "/exec/*/json"}
    return found - _WORDS


def test_what_the_drivers_call_is_allowed_and_nothing_else() -> None:
    assert {path for _, path in rules(SHIPPED)} == written()


def test_the_shipped_file_is_what_its_rules_make() -> None:
    assert SHIPPED.read_text() == configuration(rules(SHIPPED))


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/v1.41/containers/json?all=1", "/containers/json"),
        ("/containers/web.old-0123abcd/json", "/containers/*/json"),
        ("/v1.41/images/localhost:5000/a/b@sha256:dd/json", "/images/*/json"),
        ("/images/localhost:5000/a/b:1", "/images/*"),
        ("/exec/0123abcd/start", "/exec/*/start"),
        ("/networks/create", "/networks/create"),
    ],
)
def test_a_call_becomes_its_rule(path: str, rule: str) -> None:
    assert generalised("GET", path) == ("GET", rule)
