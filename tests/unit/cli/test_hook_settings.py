"""What `listener hooks` says to paste is what each registry needs, and what its hook takes."""

from __future__ import annotations

import json
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import SecretStr

from listener.cli.access import Access
from listener.cli.registry_settings import SETTINGS, setting
from listener.config import Hook
from listener.config.hook import ProviderName
from listener.providers import PROVIDERS, Request
from listener.providers.verify import authenticate

PROVIDER_NAMES: tuple[Any, ...] = get_args(ProviderName)
BASE = "https://deploy.example.com"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:pushes"
OIDC = {"audience": "listener", "claims": {"repository": "team/web"}}


def access(provider: Any, *, show: bool = False, **facts: Any) -> Access:
    for key in ("tokens", "hmac_secrets"):
        if key in facts:
            facts[key] = tuple(SecretStr(one) for one in facts[key])
    hook = Hook(provider=provider, **facts)
    return (Access.of if show else Access.hidden)("it", hook, BASE)


def told(provider: Any, **facts: Any) -> str:
    return setting(access(provider, **facts))


def test_every_provider_has_a_setting() -> None:
    assert set(SETTINGS) == set(PROVIDER_NAMES)


@pytest.mark.parametrize("provider", PROVIDER_NAMES)
def test_a_setting_has_the_url_and_the_proof_and_fits_a_terminal(provider: Any) -> None:
    one = access(provider, tokens=["a-token-not-a-secret"])
    text = setting(one)
    assert one.url in text
    assert "TOKEN" in text + one.url
    assert "not-a-secret" not in text + one.url
    shown = setting(access(provider, tokens=["a-token-not-a-secret"], show=True))
    assert "a-token-not-a-secret" in shown
    prose = [line for line in text.splitlines() if "--" not in line and "http" not in line]
    assert max(map(len, prose)) <= 100


@pytest.mark.parametrize("provider", ["dockerhub", "quay", "aliyun", "github", "nexus", "gar"])
def test_senders_without_headers_have_the_token_in_the_url(provider: Any) -> None:
    assert f"{BASE}/hooks/it/TOKEN" in told(provider, tokens=["t"], token_header="x-own")


def test_a_token_is_put_where_the_hook_wants_it() -> None:
    assert "'X-Own-Token: TOKEN'" in told("generic", tokens=["t"], token_header="x-own-token")
    # Harbor sends no other header than this.
    assert "Bearer TOKEN" in told("harbor", tokens=["t"], token_header="x-own-token")
    identity = {**OIDC, "issuer": "github"}
    both = told("generic", tokens=["t"], oidc=identity)
    assert f"{BASE}/hooks/it/TOKEN" in both
    assert 'Authorization: Bearer $ID_TOKEN"' in both
    assert "'X-Own: TOKEN'" in told("generic", tokens=["t"], oidc=identity, token_header="x-own")


def test_odd_secrets_are_quoted() -> None:
    odd = "a'b\"c $d/e]"
    text = told("generic", tokens=[odd], show=True)
    words = shlex.split(text.partition("curl")[2])
    assert f"Authorization: Bearer {odd}" in words
    text = told("distribution", tokens=[odd], show=True)
    (endpoint,) = yaml.safe_load(text.split("\n", 1)[1])["notifications"]["endpoints"]
    assert endpoint["headers"] == {"Authorization": [f"Bearer {odd}"]}
    assert "/hooks/it/a%27b%22c%20%24d%2Fe%5D" in told("dockerhub", tokens=[odd], show=True)


def test_gitlab_gets_ruby_of_its_own_registry() -> None:
    text = told("gitlab", tokens=["it's"], show=True)
    assert "registry['notifications'] = [" in text
    assert r"'headers' => { 'Authorization' => ['Bearer it\'s'] }" in text
    assert "GitLab.com" in text


def test_zot_gets_a_sink_that_names_the_registry() -> None:
    text = told("zot", tokens=["t"], registry="zot.example.com")
    events = json.loads(text.split("\n", 1)[1])["extensions"]["events"]
    assert events["source"] == "https://zot.example.com"
    (sink,) = events["sinks"]
    assert sink["address"] == f"{BASE}/hooks/it"
    assert sink["credentials"]["password"] == "TOKEN"
    assert "set on the hook: registry:" in told("zot", tokens=["t"])


def test_artifactory_signs_only_where_the_hook_wants_a_signature() -> None:
    signed, plain = told("artifactory", hmac_secrets=["s"]), told("artifactory", tokens=["s"])
    assert "payload signing: on" in signed
    assert "payload signing: off" in plain
    assert "Secret token:                   TOKEN" in plain
    both = told("artifactory", hmac_secrets=["s"], tokens=["t"])
    assert "Authorization: Bearer TOKEN" in both


def test_repositories_come_from_places() -> None:
    places = {"docker-hosted": "docker.example.com", "docker-old": "old.example.com"}
    text = told("nexus", hmac_secrets=["s"], places=places)
    assert "docker-hosted, and one more capability each for docker-old" in text
    assert "places: {docker-hosted:" not in text
    assert "places: {docker-hosted:" in told("nexus", hmac_secrets=["s"])
    assert "docker-hosted, docker-old" in told("artifactory", tokens=["t"], places=places)


def test_amazon_is_told_by_topic_where_the_hook_names_one() -> None:
    direct, through = told("ecr", tokens=["t"]), told("ecr", topics=(TOPIC,))
    assert '"ApiKeyValue": "Bearer TOKEN"' in direct
    assert "subscribe" not in direct
    assert f"aws sns subscribe --topic-arn {TOPIC} --protocol https" in through
    assert "--attribute-name SignatureVersion --attribute-value 2" in through
    assert "create-connection" not in through


def test_google_signs_as_the_account_and_for_the_audience_of_the_hook() -> None:
    claims = {"email": ["*@example.com", "push@acme.iam.gserviceaccount.com"]}
    text = told("gar", oidc={"issuer": "google", "audience": "an audience", "claims": claims})
    assert "--push-auth-service-account push@acme.iam.gserviceaccount.com" in text
    assert "--push-auth-token-audience 'an audience'" in text


def test_azures_registry_and_the_networks_are_those_of_the_hook() -> None:
    text = told("acr", tokens=["t"], registry="acme.azurecr.io", allow_cidrs=("10.0.0.0/8",))
    assert "--registry acme " in text
    assert text.endswith("It must call from 10.0.0.0/8.")


@pytest.mark.parametrize("secret", ["demo-key-not-a-secret", "whsec_AAECAwQFBgcICQ=="])
@pytest.mark.parametrize("way", [0, 1])
def test_the_commands_of_a_build_job_sign_as_the_hook_expects(
    secret: str, way: int, tmp_path: Path
) -> None:
    one = access("generic", tokens=["a token"], hmac_secrets=[secret], show=True)
    first, second = setting(one).split(
        "Or signed as Standard Webhooks, whose ids tell repetitions:"
    )
    script = first.split("\n", 1)[1] if way == 0 else _assignment(first) + second
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done\n')
    uuid = tmp_path / "uuidgen"
    uuid.write_text("#!/bin/sh\necho 5f4dcc3b\n")
    for tool in (curl, uuid):
        tool.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-ec", script], env=environ, capture_output=True, check=True, text=True
    )
    words = done.stdout.split("\0")
    headers = [after for word, after in pairwise(words) if word == "-H"]
    body = words[words.index("-d") + 1].encode()
    named = {name.lower(): value for name, _, value in (each.partition(": ") for each in headers)}
    authenticate(PROVIDERS["generic"], one.hook, Request(named, body), None)
    assert json.loads(body) == {"image": "registry.example.com/team/web:v1"}


def _assignment(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("BODY="))


def test_the_event_to_try_cloudevents_with_is_one(tmp_path: Path) -> None:
    text = told("cloudevents", tokens=["t"], origins=("ce.example.com",))
    assert "as one of: ce.example.com" in text
    script = text[text.index("BODY=") : text.index("curl")] + "printf '%s' \"$BODY\""
    (tmp_path / "uuidgen").write_text("#!/bin/sh\necho 5f4dcc3b\n")
    (tmp_path / "uuidgen").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    made = subprocess.run(["sh", "-ec", script], env=environ, capture_output=True, check=True)
    event = json.loads(made.stdout)
    assert (event["specversion"], event["id"]) == ("1.0", "5f4dcc3b")
    assert event["data"] == {"repository": "registry.example.com/team/web", "tag": "v1"}
