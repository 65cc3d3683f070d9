"""The process as a whole: what it does with a file that it cannot take."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from listener.app import _Process
from listener.config import Settings


def reloads(text: str, tmp_path: Path) -> list[str]:
    """What is said of a file that takes the place of a good one."""
    file = tmp_path / "listener.yml"
    file.write_text(text)
    process = _Process(Settings(state_dir=tmp_path), frozenset({"serve", "work"}), file)
    with capture_logs() as lines:
        process._take_config()
    assert process._metrics.registry.get_sample_value("listener_config_last_reload_successful") == 0
    (refused,) = (line for line in lines if line["event"].startswith("new configuration refused"))
    return list(refused["problems"])


def test_a_file_with_a_mistake_is_refused(tmp_path: Path) -> None:
    (problem,) = reloads("targets: {web: {container: web, keep: 0}}", tmp_path)
    assert "targets.web.keep" in problem


def test_a_fault_of_ours_with_a_file_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("listener.app.load", fail)
    (problem,) = reloads("{}", tmp_path)
    assert problem == "a fault of this program: KeyError: 'a mistake of ours'"
