"""Where credentials come from, in which order, and that they never show."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from listener.config.settings import Registry
from listener.model.auth import Auth, CredentialsFault
from listener.registry import Credentials

HOST = "registry.example.com"
SECRET = "s3cret-word"
Store = Callable[..., Credentials]
Helper = Callable[[str, str], None]


def auth_entry(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Credentials with nothing but this config.json."""

    def make(config: Any, registries: Mapping[str, Registry] | None = None) -> Credentials:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "config.json").write_text(text)
        return Credentials(registries or {}, {"DOCKER_CONFIG": str(tmp_path)})

    return make


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Installs credential helpers; each is a shell script."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")

    def install(name: str, script: str) -> None:
        file = directory / f"docker-credential-{name}"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return install


def test_secrets_do_not_show() -> None:
    shown = repr(Auth("ci", SECRET, SECRET))
    assert "ci" in shown
    assert SECRET not in shown


async def test_the_configuration_comes_first_under_every_name(store: Store) -> None:
    registries = {
        HOST: Registry(username="ci", password=SecretStr(SECRET), aliases=("localhost:5000",)),
        "docker.io": Registry(username="hub", password=SecretStr("h")),
    }
    config = {"auths": {HOST: auth_entry("other", "x")}}
    credentials = store(config, registries)
    assert await credentials.for_host(HOST) == Auth("ci", SECRET)
    assert await credentials.for_host("LOCALHOST:5000") == Auth("ci", SECRET)
    assert await credentials.for_host("index.docker.io") == Auth("hub", "h")
    assert await credentials.for_host("elsewhere.example.com") is None


async def test_the_clients_own_file(store: Store) -> None:
    credentials = store(
        {
            "auths": {
                "https://index.docker.io/v1/": auth_entry("hub", "a:b"),
                f"https://{HOST}/v2/": auth_entry("ci", SECRET),
                "token.example.com": {**auth_entry("x", "y"), "identitytoken": "t"},
                "plain.example.com": {"username": "u", "password": "p"},
                "empty.example.com": {},
            }
        }
    )
    assert await credentials.for_host("docker.io") == Auth("hub", "a:b")
    assert await credentials.for_host(HOST) == Auth("ci", SECRET)
    assert await credentials.for_host("token.example.com") == Auth(identity_token="t")
    assert await credentials.for_host("plain.example.com") == Auth("u", "p")
    assert await credentials.for_host("empty.example.com") is None


async def test_the_clients_file_knows_a_registry_by_its_other_name(store: Store) -> None:
    registries = {HOST: Registry(aliases=("10.0.0.5:5000",))}
    config = {"auths": {HOST: auth_entry("ci", SECRET)}}
    credentials = store(config, registries)
    assert await credentials.for_host("10.0.0.5:5000") == Auth("ci", SECRET)


async def test_the_file_is_read_anew_each_time(store: Store, tmp_path: Path) -> None:
    credentials = store({"auths": {HOST: auth_entry("ci", "old")}})
    assert await credentials.for_host(HOST) == Auth("ci", "old")
    store({"auths": {HOST: auth_entry("ci", "new")}})
    assert await credentials.for_host(HOST) == Auth("ci", "new")
    (tmp_path / "config.json").unlink()
    assert await credentials.for_host(HOST) is None


async def test_helpers_come_before_the_file(store: Store, helper: Helper) -> None:
    helper("one", 'read s; echo "{\\"Username\\": \\"one\\", \\"Secret\\": \\"$s\\"}"')
    helper("all", 'read s; echo "{\\"Username\\": \\"<token>\\", \\"Secret\\": \\"$s\\"}"')
    credentials = store(
        {
            "credHelpers": {HOST: "one"},
            "credsStore": "all",
            "auths": {HOST: auth_entry("file", "x")},
        }
    )
    assert await credentials.for_host(HOST) == Auth("one", HOST)
    hub = await credentials.for_host("docker.io")
    assert hub == Auth(identity_token="https://index.docker.io/v1/")


async def test_a_helper_that_has_none(store: Store, helper: Helper) -> None:
    helper("empty", "cat >/dev/null; echo credentials not found in native keychain; exit 1")
    credentials = store({"credsStore": "empty", "auths": {HOST: auth_entry("ci", SECRET)}})
    assert await credentials.for_host(HOST) == Auth("ci", SECRET)
    assert await credentials.for_host("other.example.com") is None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {SECRET} >&2; echo {SECRET}; exit 1", "failed for .* with exit code 1"),
        (f"echo {SECRET}", "gave no credentials"),
        (f"echo '[\"{SECRET}\"]'", "gave no credentials"),
        (f'echo \'{{"Secret": "{SECRET}"}}\'', "gave no credentials"),
    ],
)
async def test_a_broken_helper_is_explained_without_its_words(
    store: Store, helper: Helper, script: str, said: str
) -> None:
    helper("broken", f"cat >/dev/null; {script}")
    with pytest.raises(CredentialsFault, match=said) as fault:
        await store({"credsStore": "broken"}).for_host(HOST)
    assert f"echo {HOST} | docker-credential-broken get" in str(fault.value)
    assert SECRET not in str(fault.value)


async def test_a_helper_that_does_not_end(
    store: Store, helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listener.registry.client_config._HELPER_SECONDS", 0.3)
    helper("slow", "sleep 60 & sleep 60")
    with pytest.raises(CredentialsFault, match=r"no answer .* within 0\.3 s"):
        await store({"credsStore": "slow"}).for_host(HOST)


async def test_a_helper_that_is_not_there(store: Store, helper: Helper) -> None:
    with pytest.raises(CredentialsFault, match=r"docker-credential-absent.* cannot be run"):
        await store({"credsStore": "absent"}).for_host(HOST)
    with pytest.raises(CredentialsFault, match="not the name of"):
        await store({"credsStore": "../../bin/evil"}).for_host(HOST)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (f"{{{SECRET}", "is not JSON"),
        ("[]", "is not a JSON object"),
        ({"auths": {HOST: {"auth": "%%%"}}}, "no readable credentials"),
        ({"auths": {HOST: {"auth": base64.b64encode(b"nocolon").decode()}}}, "no readable"),
    ],
)
async def test_a_broken_file_is_explained(store: Store, config: Any, said: str) -> None:
    with pytest.raises(CredentialsFault, match=said) as fault:
        await store(config).for_host(HOST)
    assert SECRET not in str(fault.value)
