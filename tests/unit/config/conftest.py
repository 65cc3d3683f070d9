from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from listener.config import ConfigError, Settings, load

Load = Callable[..., Settings]
Problems = Callable[..., list[str]]


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Loads a text as a configuration file."""

    def from_text(text: str, environ: Mapping[str, str] | None = None) -> Settings:
        file = tmp_path / "listener.yml"
        file.write_text(textwrap.dedent(text))
        return load(file, environ or {})

    return from_text


@pytest.fixture
def problems(loaded: Load, tmp_path: Path) -> Problems:
    """What is wrong with a text, each as ``LINE: path: sentence``."""

    def of_text(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text, environ)
        prefix = f"{tmp_path / 'listener.yml'}:"
        assert all(problem.startswith(prefix) for problem in caught.value.problems)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return [problem.removeprefix(prefix) for problem in caught.value.problems]

    return of_text
