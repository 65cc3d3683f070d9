"""`pip install .` into a new environment, `listener check` there, and the unit for systemd."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from listener.demo.engine import Engine
from listener.demo.process import program

ROOT = Path(__file__).parents[2]
WHAT_SHIPS = ("listener", "pyproject.toml", "README.md", "LICENSE")
UNIT = ROOT / "config/systemd/listener.service"


def _run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload]
        [str(part) for part in command],
        capture_output=True, text=True, timeout=600, check=False, **options,
    )  # fmt: skip


@pytest.mark.packages
@pytest.mark.timeout(900)
def test_it_installs_with_pip_checks_and_has_a_unit(engine: Engine, tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "opt/listener"
    source.mkdir()
    for name in WHAT_SHIPS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    # This environment's pip, for a new one takes as long as all the rest; and nothing is compiled.
    _run(sys.executable, "-m", "venv", "--without-pip", home)
    pip = (sys.executable, "-m", "pip", "--python", home, "--disable-pip-version-check")
    installed = _run(*pip, "install", "--no-compile", ".", cwd=source)
    assert installed.returncode == 0, installed.stderr

    file = tmp_path / "listener.yml"
    contents = {
        "engine": engine.listener_url,
        "state_dir": str(tmp_path / "state"),
        "hooks": {"ci": {"provider": "generic", "token": "a-token"}},
    }
    file.write_text(json.dumps(contents))
    check = _run(home / "bin/listener", "check", "--config", file, cwd=tmp_path)
    assert check.returncode == 0, check.stdout + check.stderr
    for subject in ("configuration", "admin", "redis", "engine", "hook"):
        assert f"ok    {subject}" in check.stdout, check.stdout

    # The unit as it ships, but for where pip has put the program.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/listener/", f"{home}/"))
    analyze = program("systemd-analyze")
    verified = _run(analyze, "verify", "--recursive-errors=no", unit)
    assert (verified.returncode, verified.stderr) == (0, "")
