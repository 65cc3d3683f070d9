"""What can get into the image at all: the program, and nothing that somebody left lying about."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
IGNORED = (ROOT / ".dockerignore").read_text().split()
BUILD, FINAL = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-2:]
SHIPS = {"listener", "pyproject.toml", "requirements.lock", "README.md", "LICENSE"}


def test_only_the_program_is_sent_to_the_engine() -> None:
    assert IGNORED[0] == "*", "first nothing, then what is named"
    assert {name.removeprefix("!") for name in IGNORED if name.startswith("!")} == SHIPS
    assert "**/__pycache__" in IGNORED


def test_what_is_passed_to_a_build_stays_in_its_first_stage() -> None:
    assert re.findall(r"^ARG (\w+)", BUILD, re.MULTILINE) == ["PIP_INDEX_URL"]
    # It becomes a label.
    assert re.findall(r"^ARG (\w+)", FINAL, re.MULTILINE) == ["REVISION"]
    assert re.findall(r"^COPY (.+)", FINAL, re.MULTILINE) == [
        "--from=build /opt/listener /opt/listener"
    ]
    assert not re.search(r"^(ADD|RUN --mount)", BUILD + FINAL, re.MULTILINE)
