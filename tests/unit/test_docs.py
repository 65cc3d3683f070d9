"""What the documents say is true: the examples load, the commands exist, the names are real."""

from __future__ import annotations

import re
from pathlib import Path

import click
import yaml

from listener.cli.main import cli
from listener.config import load
from listener.store import keys

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_configuration_of_the_readme_loads(tmp_path: Path) -> None:
    password = tmp_path / "registry"
    password.write_text("secret\n")
    text = next(block for block in blocks("yaml") if "hooks:" in block)
    file = tmp_path / "listener.yml"
    file.write_text(text.replace("/run/secrets/registry", str(password)))
    settings = load(file, {"REGISTRY_TOKEN": "a-token"})
    assert settings.targets["web"].container == "web"


def test_the_registrys_setting_is_yaml_and_names_the_hook() -> None:
    text = next(block for block in blocks("yaml") if "notifications:" in block)
    [endpoint] = yaml.safe_load(text)["notifications"]["endpoints"]
    assert endpoint["url"].endswith("/hooks/private")


def test_every_command_of_the_readme_exists() -> None:
    typed = re.findall(r"^listener ([a-z]+)", "\n".join(blocks("sh")), re.MULTILINE)
    [table] = re.findall(r"## Commands\n(.*?)\nExit codes", README, re.DOTALL)
    named = re.findall(r"`(?:listener )?([a-z]+)`", table)
    known = cli.list_commands(click.Context(cli))
    assert len(typed) >= 4
    assert set(typed + named) <= set(known)
    assert set(known) <= set(named)


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target


def test_the_rooms_are_where_the_map_shows_them() -> None:
    for room in re.findall(r"^\| `([a-z_./]+)`", ARCHITECTURE, re.MULTILINE):
        if "/" in room or room.endswith(".py"):
            assert (ROOT / "listener" / room).exists(), room


def test_the_keys_of_the_map_are_the_stores() -> None:
    assert keys.PUSHES == "listener:pushes"
    text = (ROOT / "listener" / "store" / "keys.py").read_text()
    for key in ("dedupe", "matches", "commands", "lanes", "swaps", "memory", "views", "deployment"):
        assert f"`{key}:" in ARCHITECTURE
        assert key in text


def test_the_compose_file_gives_the_socket_to_the_worker_alone() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    with_socket = [name for name, one in services.items() if "docker.sock" in str(one)]
    assert with_socket == ["work"]
    assert [name for name, one in services.items() if "ports" in one] == ["serve"]
