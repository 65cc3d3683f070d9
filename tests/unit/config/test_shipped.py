"""The example and the schema that ship are right and up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from listener.config import ConfigError, load
from listener.config.schema import schema

SHIPPED = Path(__file__).parents[3] / "config"
SCHEMA = json.loads((SHIPPED / "schema.json").read_text())


NAMES = ("HUB_TOKEN", "REGISTRY_TOKEN", "REGISTRY_TOKEN_OLD", "GITHUB_SECRET", "REGISTRY_PASSWORD")


def test_the_example_loads_with_the_secrets_that_it_names() -> None:
    settings = load(SHIPPED / "listener.yml", dict.fromkeys(NAMES, "a-secret"))
    assert set(settings.targets) == {"web", "shop", "api", "jobs", "docs"}
    assert set(settings.hooks) == {"hub", "private", "packages", "ci"}


def test_the_examples_that_are_commented_out_load_too(tmp_path: Path) -> None:
    text = (SHIPPED / "listener.yml").read_text()
    start, end = text.index("  # google:"), text.index("\n# notify:")
    shown = re.sub(r"^(\s*)# ", r"\1", text[start:end], flags=re.MULTILINE)
    keys = re.findall(r"^    # (\w+: \S+)", text[: text.index("    registry: ")], re.MULTILINE)
    more = re.findall(r"^# (trusted_proxies: .+)", text, re.MULTILINE)
    private = "".join(f"    {key}\n" for key in keys)
    file = tmp_path / "listener.yml"
    private = f"  private:\n    provider: distribution\n    token: t\n{private}"
    file.write_text(f"{more[0]}\nhooks:\n{shown}\n{private}")
    settings = load(file, {"EVENTS_TOKEN": "t", "NEXUS_SECRET": "s"})
    assert set(settings.hooks) == {"google", "amazon", "events", "store", "private"}
    private_hook = settings.hooks["private"]
    assert private_hook.token_header == "x-registry-token"
    assert private_hook.rate_limit is not None
    assert settings.hooks["store"].places == {"docker-hosted": "docker.example.com:8082"}
    assert settings.hooks["google"].oidc is not None
    assert len(settings.trusted_proxies) == 1


def test_the_example_taken_by_accident_refuses_to_start() -> None:
    # It lies where `listener run` in a clone finds it; a secret that everybody knows is none.
    with pytest.raises(ConfigError) as caught:
        load(SHIPPED / "listener.yml", {})
    assert [name for name in NAMES for line in caught.value.problems if f"no {name}:" in line] == [
        *NAMES
    ]


def test_the_schema_is_up_to_date() -> None:
    assert schema() == SCHEMA, "run: python -m listener.config.schema > config/schema.json"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def _valid(text: str) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_the_example_fits_the_schema() -> None:
    jsonschema.validate(yaml.safe_load((SHIPPED / "listener.yml").read_text()), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "listen: 8080",
        "lisen: a:1",
        "concurrency: 0",
        "concurrency: many",
        "self_update: maybe",
        "shutdown_grace: 30",
        "hooks: {h: {provider: gar, token: t, rate_limit: 60}}",
        "source: x",
        "hooks: {h: {token: t}}",
        "targets: {w: {container: w, tag: 1.10}}",
        "targets: {w: {container: w, strategy: hot}}",
        "targets: {w: {container: w, parallelism: 0}}",
        "targets: {w: {container: w, keep: 0}}",
        "defaults: {container: w}",
    ],
)
def test_an_editor_marks_mistakes(text: str) -> None:
    assert not _valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "concurrency: ${N:-4}",
        "admin: {token_file: /run/secrets/admin}",
        "hooks: {h: {provider: github, hmac_secret_file: [a, b]}}",
        "targets: {w: {container: w, rollback: '${R}', health: {timeout: 1h30m}}}",
        "max_body: 1024",
        "hooks: {h: {provider: gar, token: t, rate_limit: 60/m}}",
        "hooks: {h: {provider: gar, oidc: {issuer: google, audience: a, claims: {email: e}}}}",
        "targets: {w: {container: w, reconcile: 0, debounce: '0'}}",
    ],
)
def test_an_editor_accepts_what_is_right(text: str) -> None:
    assert _valid(text)
