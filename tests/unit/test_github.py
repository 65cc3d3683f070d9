"""Which repository of which server is told, and by which address of its API."""

from __future__ import annotations

import pytest

from listener.config.notifier import Notifier
from listener.model.deployment import Source, source_of
from listener.notify import repository_of

COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/team/web.js",
        "https://GitHub.com/team/web.js/",
        "https://github.com/team/web.js.git",
        "git+https://github.com/team/web.js.git",
        "git@github.com:team/web.js.git",
        "ssh://git@github.com:22/team/web.js",
    ],
)
def test_a_repository_is_known_by_any_of_its_usual_addresses(url: str) -> None:
    assert repository_of(Source(url=url, revision=COMMIT), "github.com") == "team/web.js"


@pytest.mark.parametrize(
    ("url", "revision"),
    [
        ("https://gitlab.com/team/web", COMMIT),
        ("https://github.com.evil.example/team/web", COMMIT),
        ("https://github.com/team", COMMIT),
        ("https://github.com/team/web/tree/main", COMMIT),
        ("https://github.com/../web", COMMIT),
        ("https://github.com/team/web", "main"),
        ("https://github.com/team/web", COMMIT[:12]),
        ("web", COMMIT),
    ],
)
def test_what_names_no_commit_there_is_not_told(url: str, revision: str) -> None:
    assert repository_of(Source(url=url, revision=revision), "github.com") is None


def test_labels_name_a_commit_or_nothing() -> None:
    source, revision = (f"org.opencontainers.image.{name}" for name in ("source", "revision"))
    assert source_of({source: "u", revision: "r", "other": "x"}) == Source(url="u", revision="r")
    assert source_of({source: "u"}) is None
    assert source_of({source: "u" * 501, revision: "r"}) is None
    # A pipeline's remote has the pipeline's token in it, and records are shown.
    with_token = {source: "https://x-access-token:hush@github.com/team/web.git", revision: "r"}
    assert source_of(with_token) == Source(url="https://github.com/team/web.git", revision="r")
    by_ssh = source_of({source: "git@github.com:team/web.git", revision: "r"})
    assert by_ssh == Source(url="git@github.com:team/web.git", revision="r")


@pytest.mark.parametrize(
    ("server", "api"),
    [
        ("github.com", "https://api.github.com"),
        ("https://github.com/", "https://api.github.com"),
        ("team.ghe.com", "https://api.team.ghe.com"),
        ("ghe.example.com:8443", "https://ghe.example.com:8443/api/v3"),
    ],
)
def test_the_api_is_where_the_configuration_says(server: str, api: str) -> None:
    entry = Notifier.model_validate({"github": server, "token": "t"})
    assert str(entry.github_api) == api
    assert "hush" not in repr(Notifier.model_validate({"github": server, "token": "hush"}))
