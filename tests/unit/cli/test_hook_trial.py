"""`listener hooks test`: a sample is proved as the hook asks, judged by it, and stored nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from listener.cli.access import Access
from listener.cli.proofs import proved
from listener.config import Hook, load
from listener.config.hook import ProviderName
from listener.config.hook_rules import SIGNING
from listener.demo.ports import free_port
from listener.matching import Shown
from listener.model.reference import parse_reference
from listener.model.tag_policy import TagPolicy
from listener.model.view import TargetView
from listener.providers import PROVIDERS, Sender
from listener.providers.verify import authenticate
from listener.telemetry import Metrics
from listener.web.hooks import Hooks
from listener.web.public import public_app
from tests.unit.cli.conftest import Configure, Shell
from tests.unit.conftest import Panel, a_view
from tests.unit.web.public_port import MemoryLog

IMAGE = parse_reference("registry.example.com/team/web:v1")
TOPIC = "arn:aws:sns:eu-west-1:111122223333:pushes"
HOOKS = """
hooks:
  private: {provider: distribution, token: s3cret/with a blank}
  hub: {provider: dockerhub, token: s3cret/with a blank}
  ci: {provider: generic, token: s3cret, token_header: X-Own, hmac_secret: s3cret}
  narrow: {provider: generic, token: s3cret, repositories: ["other/*"]}
  store: {provider: nexus, hmac_secret: s3cret, places: {docker-hosted: registry.example.com}}
  identity: {provider: generic, oidc: {issuer: github, audience: a, claims: {repository: a/b}}}
  sns: {provider: ecr, topics: ["arn:aws:sns:eu-west-1:111122223333:pushes"]}
  away: {provider: generic, allow_cidrs: [192.0.2.0/24]}
"""
WEB = a_view(policy=TagPolicy(exact="latest"))
DB = a_view("db", image="docker.io/library/postgres", tag="16.2.0", policy=TagPolicy(semver="^16"))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("provider", get_args(ProviderName))
def test_every_sample_is_proved_and_read_as_the_image(provider: Any, signed: bool) -> None:
    secrets = (SecretStr("a secret"),) if signed and provider in SIGNING else ()
    hook = Hook(provider=provider, tokens=(SecretStr("a token"),), hmac_secrets=secrets)
    access = Access.of("it", hook, "http://localhost")
    host = {"github": "ghcr.io", "dockerhub": "docker.io"}.get(provider, "registry.example.com")
    image = parse_reference(f"{host}/team/web:v1")
    request = proved(access, PROVIDERS[provider].sample_at(image, {}))
    in_url = "a token" if access.token_in_url else None
    authenticate(PROVIDERS[provider], hook, request, in_url)
    parsed = PROVIDERS[provider].parse(request, Sender("registry.example.com"))
    (event,) = parsed.events
    assert (event.image.repository, event.image.tag) == ("team/web", "v1")


@pytest.mark.parametrize("provider", ["nexus", "artifactory"])
@pytest.mark.parametrize("place", ["registry.example.com", "registry.example.com/team"])
def test_a_sample_is_of_the_repository_whose_place_the_image_is_in(
    provider: str, place: str
) -> None:
    places = {"elsewhere": "other.example.com", "own": place}
    request = PROVIDERS[provider].sample_at(IMAGE, places)
    (event,) = PROVIDERS[provider].parse(request, Sender(None, places)).events
    assert event.image.name == IMAGE.name


Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve(shell: Shell, panel: Panel, configure: Configure) -> AsyncIterator[Serve]:
    """Starts both ports for a configuration; the answer is the address of the hooks'."""
    shell.environ["LISTENER_URL"] = panel.url
    async with AsyncExitStack() as stack:

        async def start(text: str, *views: TargetView, log: MemoryLog | None = None) -> str:
            port = free_port()
            configure(f"listen: 0.0.0.0:{port}\n{text}")
            settings = load(shell.directory / "config" / "listener.yml", {})
            await panel.publish(*views)
            app = public_app(Hooks(settings), log or MemoryLog(), Metrics(), lambda: Shown(views))
            await stack.enter_async_context(TestServer(app, host="127.0.0.1", port=port))
            return f"http://127.0.0.1:{port}"

        yield start


async def test_a_push_of_the_first_target_hits_it_and_is_stored_nowhere(
    shell: Shell, serve: Serve
) -> None:
    log = MemoryLog()
    url = await serve(HOOKS, DB, WEB, log=log)
    end = await shell.run("hooks", "test", "private")
    assert (end.code, end.err) == (0, "")
    lines = [line.split() for line in end.out.splitlines()]
    assert f"sent to {url}, and stored nowhere" in end.out
    assert "understood: registry.example.com/team/web:latest" in end.out
    assert ["web@h1", "hit", "-"] in lines
    assert ["db@h1", "no", "it", "runs", "docker.io/library/postgres"] in lines
    assert "s3cret" not in end.out
    assert [one.outcome for one in log.deliveries] == ["tested"]
    assert not log.by_key


async def test_each_hook_speaks_for_targets_of_its_own(shell: Shell, serve: Serve) -> None:
    await serve(HOOKS, WEB, DB)
    hub = await shell.run("hooks", "test", "hub", "--json")
    assert (hub.code, hub.json["image"]) == (0, "docker.io/library/postgres:16.2.0")
    assert (await shell.run("hooks", "test", "ci")).code == 0
    assert (await shell.run("hooks", "test", "store")).code == 0
    asked = await shell.run("hooks", "test", "ci", "--target", "db", "--json")
    assert asked.json["understood"] == ["docker.io/library/postgres:16.2.0"]
    assert {one["target"]: one["matches"] for one in asked.json["targets"]} == {
        "web@h1": False,
        "db@h1": True,
    }


async def test_what_hits_nothing_says_why_and_is_one(shell: Shell, serve: Serve) -> None:
    await serve(HOOKS, WEB)
    end = await shell.run("hooks", "test", "private", "--image", "registry.example.com/team/web:v9")
    assert end.code == 1
    assert "tag v9 is not what it follows (latest)" in end.out
    assert end.err == "listener: no target is hit\n"
    narrow = await shell.run("hooks", "test", "narrow", "--target", "web")
    assert narrow.code == 1
    assert "ignored: this hook may not deploy the repository team/web" in narrow.out
    none = await shell.run("hooks", "test", "hub")
    assert none.code == 1
    assert "web@h1: a dockerhub hook may not speak for registry.example.com" in none.err
    assert "--image" in none.err


async def test_without_targets_it_is_said_that_there_are_none(shell: Shell, serve: Serve) -> None:
    await serve(HOOKS)
    end = await shell.run("hooks", "test", "private")
    assert (end.code, "there are no targets; name an image with --image" in end.err) == (1, True)
    end = await shell.run("hooks", "test", "private", "--image", str(IMAGE))
    assert (end.code, end.err) == (1, "listener: it is understood, but there are no targets\n")


async def test_a_refusal_is_one_and_has_the_servers_sentence(
    shell: Shell, serve: Serve, configure: Configure
) -> None:
    url = await serve(HOOKS, WEB)
    away = await shell.run("hooks", "test", "away")
    assert (away.code, "this address is not allowed" in away.err) == (1, True)
    configure(HOOKS.replace("s3cret", "another"))
    wrong = await shell.run("hooks", "test", "private", "--url", f"{url}/")
    assert wrong.code == 1
    assert "(401): missing or wrong token or signature; the server has other secrets" in wrong.err
    configure("hooks: {new: {provider: generic, token: t}}")
    new = await shell.run("hooks", "test", "new", "--url", url)
    assert (new.code, "(404): there is no hook of this name" in new.err) == (1, True)


async def test_wrong_usage_is_two(shell: Shell, configure: Configure) -> None:
    configure(HOOKS)
    end = await shell.run("hooks", "test", "privat")
    assert end.code == 2
    assert end.err == "listener: there is no hook 'privat' (did you mean \"private\"?)\n"
    for wrong in (["--image", "A B"], ["--image", f"a.example.com/b@sha256:{'5c' * 32}"]):
        assert (await shell.run("hooks", "test", "ci", *wrong)).code == 2
    both = await shell.run("hooks", "test", "ci", "--image", "a/b", "--target", "web")
    assert both.code == 2


async def test_what_cannot_be_reached_is_three(
    shell: Shell, configure: Configure, panel: Panel
) -> None:
    port = free_port()
    configure(f"listen: 0.0.0.0:{port}\n{HOOKS}")
    end = await shell.run("hooks", "test", "ci", "--image", "registry.example.com/team/web:v1")
    assert end.code == 3
    assert end.err.startswith(f"listener: cannot reach http://127.0.0.1:{port}: connection refused")
    shell.environ["LISTENER_URL"] = f"http://127.0.0.1:{free_port()}"
    assert (await shell.run("hooks", "test", "ci")).code == 3
    other = web.Application()
    other.router.add_post("/{anything:.*}", _some_page)
    async with TestServer(other, host="127.0.0.1") as server:
        url = str(server.make_url("")).rstrip("/")
        end = await shell.run("hooks", "test", "ci", "--image", "a/b", "--url", url)
    assert (end.code, "not as a listener's port for hooks" in end.err) == (3, True)


async def _some_page(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


@pytest.mark.parametrize(
    ("hook", "image", "why"),
    [
        (
            "identity",
            "registry.example.com/team/web:latest",
            "only https://token.actions.githubusercontent.com makes the identity token",
        ),
        (
            "sns",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/web:latest",
            "only Amazon SNS signs the messages of the topics",
        ),
    ],
)
async def test_what_only_the_sender_proves_is_worked_out_here(
    shell: Shell, serve: Serve, hook: str, image: str, why: str
) -> None:
    name = image.rpartition(":")[0]
    policy = TagPolicy(regex="late.*")
    log = MemoryLog()
    await serve(HOOKS, a_view(image=name, policy=policy), DB, log=log)
    end = await shell.run("hooks", "test", hook, "--target", "web", "--json")
    assert (end.code, end.err) == (0, "")
    assert end.json["note"].startswith(why)
    assert end.json["understood"] == [image]
    found = {one["target"]: one["matches"] for one in end.json["targets"]}
    assert found == {"web@h1": True, "db@h1": False}
    assert not log.deliveries
    shell.environ["LISTENER_URL"] = f"http://127.0.0.1:{free_port()}"
    end = await shell.run("hooks", "test", hook, "--image", image)
    assert end.code == 3
    assert f"understood: {image}" in end.out
