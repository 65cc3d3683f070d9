"""What the documents say is true: the examples load, the commands exist, the names are real."""

from __future__ import annotations

import re
import runpy
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
import yaml

from listener.cli.main import cli
from listener.config import is_enabled, load, settings_from_labels
from listener.config.hook import ProviderName
from listener.model.target import TargetSettings
from listener.providers import PROVIDERS
from listener.store import keys
from listener.telemetry import Metrics

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
REGISTRIES = ROOT / "docs" / "registries"
SHELL = "sh|bash"
PROVIDER_NAMES: tuple[str, ...] = get_args(ProviderName)


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```(?:{language})\n(.*?)```", text, re.DOTALL)


def test_the_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("a-token\n")
    text = next(block for block in blocks("yaml") if "hooks:" in block)
    file = tmp_path / "listener.yml"
    file.write_text(text.replace("/etc/listener/", f"{tmp_path}/"))
    settings = load(file, {})
    assert settings.targets["web"].container == "web"
    assert [token.get_secret_value() for token in settings.hooks["private"].tokens] == ["a-token"]


def test_the_labels_of_the_readme_make_a_target() -> None:
    labels = dict(re.findall(r"--label (\S+?)=(\S+)", "\n".join(blocks(SHELL))))
    assert is_enabled(labels)
    assert settings_from_labels("web", labels, TargetSettings()).health.timeout == 90


def test_the_registrys_setting_is_yaml_and_names_the_hook() -> None:
    text = next(block for block in blocks("yaml") if "notifications:" in block)
    [endpoint] = yaml.safe_load(text)["notifications"]["endpoints"]
    assert endpoint["url"].endswith("/hooks/private")


def test_every_command_of_the_readme_exists() -> None:
    typed = re.findall(r"\blistener ([a-z]+)", "\n".join(blocks(SHELL)))
    [table] = re.findall(r"## Commands\n(.*?)\nExit codes", README, re.DOTALL)
    named = re.findall(r"`(?:listener )?([a-z]+)`", table)
    known = cli.list_commands(click.Context(cli))
    assert len(typed) >= 4
    assert set(typed + named) <= set(known)
    assert set(known) <= set(named)


def test_every_provider_has_a_page_and_a_line_in_the_table() -> None:
    table = (REGISTRIES / "README.md").read_text()
    rows = {
        name: (repeats.strip(), page)
        for name, repeats, page in re.findall(
            r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^|]*)\| \[\w+\]\((\w+)\.md\) \|$", table, re.MULTILINE
        )
    }
    assert set(rows) == set(PROVIDER_NAMES)
    assert all(name == page for name, (_, page) in rows.items())
    assert {page.stem for page in REGISTRIES.glob("*.md")} == {*PROVIDER_NAMES, "README"}
    until_taken = {name for name, (repeats, _) in rows.items() if "until it is taken" in repeats}
    assert until_taken == {name for name, one in PROVIDERS.items() if one.repeats_until_2xx}


def test_the_readme_leads_to_the_pages() -> None:
    assert "(docs/registries/README.md)" in README
    for page in [ROOT / "README.md", *REGISTRIES.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("name", [*PROVIDER_NAMES, "README"])
def test_the_configuration_of_every_page_loads(name: str, tmp_path: Path) -> None:
    text = (REGISTRIES / f"{name}.md").read_text()
    secrets = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "a-secret")
    hooks: dict[str, str] = {}
    for block in blocks("yaml", text):
        # What goes into the registry's own file is no configuration of ours.
        if "notifications:" not in block:
            file = tmp_path / "listener.yml"
            file.write_text(block)
            hooks |= {key: hook.provider for key, hook in load(file, secrets).hooks.items()}
    assert set(hooks.values()) == ({"distribution"} if name == "README" else {name})
    assert name == "README" or set(re.findall(r"hooks test (\S+)", text)) <= set(hooks)


@pytest.mark.parametrize("name", PROVIDER_NAMES)
def test_every_page_says_how_to_try_it(name: str) -> None:
    shell = "\n".join(blocks(SHELL, (REGISTRIES / f"{name}.md").read_text()))
    [tried] = re.findall(r"^listener hooks test (\S+)$", shell, re.MULTILINE)
    assert f"listener pushes --all --hook {tried}\n" in shell


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target


def test_the_rooms_are_where_the_map_shows_them() -> None:
    for room in re.findall(r"^\| `([a-z_./]+)`", ARCHITECTURE, re.MULTILINE):
        if "/" in room or room.endswith(".py"):
            assert (ROOT / "listener" / room).exists(), room


def test_the_map_shows_every_key_of_the_store() -> None:
    said = set(re.findall(r"`([a-z]+)(?::[A-Z…:]+)?`", ARCHITECTURE))
    plain = [keys.SCHEMA, keys.PUSHES, keys.HISTORY, keys.HOSTS, keys.PAUSED]
    one = [
        keys.dedupe,
        keys.matches,
        keys.commands,
        keys.outbox,
        keys.lanes,
        keys.swaps,
        keys.memory,
    ]
    more = [keys.views, keys.deployment, keys.lease, keys.fence]
    made = [*plain, *(key("x") for key in (*one, *more)), keys.history("x", "y")]
    names = {key.removeprefix(keys.PREFIX).partition(":")[0] for key in made}
    assert names <= said


def test_every_metric_of_the_documents_exists() -> None:
    metrics = Metrics()
    metrics.watch_queue(dict)
    known = set()
    for family in metrics.registry.collect():
        known |= {family.name, f"{family.name}_total"}
    named = set(re.findall(r"`(listener_[a-z_]+)`", README + ARCHITECTURE))
    assert len(named) >= 5
    assert named <= known


def test_the_compose_file_gives_the_socket_to_the_worker_alone() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    always = {name: one for name, one in services.items() if "profiles" not in one}
    assert [name for name, one in services.items() if "docker.sock" in str(one)] == [
        "work",
        "proxy",
    ]
    assert [name for name, one in always.items() if "ports" in one] == ["serve"]
    assert all(one["read_only"] for one in always.values() if "redis" not in one["image"])


def test_the_compose_file_publishes_nothing_but_the_hooks_to_other_machines() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = [port for one in services.values() for port in one.get("ports", ())]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == [
        "${LISTENER_PORT:-8080}:8080"
    ]


def test_the_compose_file_gives_its_user_of_redis_the_documented_rights() -> None:
    documented = re.search(r">PASSWORD (.*)", (ROOT / "docs/redis.md").read_text())
    made = runpy.run_path(str(ROOT / "config/compose/make_secrets.py"))
    assert documented is not None
    assert made["RIGHTS"] == documented[1]


def test_every_link_of_the_documents_leads_somewhere() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"))
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert not missing


def test_the_reference_has_every_key_of_the_schema() -> None:
    done = subprocess.run([ROOT / "tools/configuration-reference", "--check"], check=False)
    assert done.returncode == 0, "tools/configuration-reference makes it anew"


def test_everything_that_the_program_needs_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[\[<>=;]", one)[0].lower() for one in project["dependencies"]}
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert needed <= set(locked), "make lock"
