"""The token of GitLab in the header that it has for it."""

from __future__ import annotations

import pytest

from listener.config import Hook
from listener.providers import PROVIDERS, Request
from listener.providers.verify import Refused, authenticate

KEY = "demo-key-not-a-secret"
REFUSED = "401 missing or wrong token or signature"


def answer(headers: dict[str, str], *, provider: str = "gitlab") -> str:
    """What the sender is told; empty where it may pass."""
    hook = Hook(provider=provider, tokens=("next-key", KEY))
    try:
        authenticate(PROVIDERS[provider], hook, Request(headers, b"{}"), None)
    except Refused as refused:
        return f"{refused.status} {refused}"
    return ""


@pytest.mark.parametrize(
    "headers",
    [
        {"x-gitlab-token": KEY},
        {"x-gitlab-token": f" {KEY} "},
        {"x-gitlab-token": "next-key"},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": KEY},
    ],
)
def test_the_token_in_each_header(headers: dict[str, str]) -> None:
    assert answer(headers) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-gitlab-token": ""},
        {"x-gitlab-token": KEY[:-1]},
        {"x-gitlab-token": KEY + "x"},
        {"x-gitlab-token": KEY.upper()},
        {"x-gitlab-token": f"Bearer {KEY}"},
        {"x-gitlab-event": KEY},
        {"x-gitea-token": KEY},
    ],
)
def test_nothing_else_passes(headers: dict[str, str]) -> None:
    assert answer(headers) == REFUSED


def test_to_others_the_header_means_nothing() -> None:
    assert answer({"x-gitlab-token": KEY}, provider="distribution") == REFUSED
