"""What an engine tells from a moment on: nothing that is short is missed, as it is by looking."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Self

from listener.demo.engine import Engine
from listener.demo.process import program


class Events:
    """`docker events` about containers while the block lasts, a line each by the Go template
    `shape`, kept in `file`; `filters` as the command has them.
    """

    def __init__(self, engine: Engine, file: Path, shape: str, *filters: str) -> None:
        self._engine, self._file = engine, file
        wanted = [part for one in ("type=container", *filters) for part in ("--filter", one)]
        self._options = (*wanted, "--format", shape)

    def __enter__(self) -> Self:
        since = f"{time.time():.3f}"
        with self._file.open("wb") as out:
            self._stream = subprocess.Popen(
                [program("docker"), "events", "--since", since, *self._options],
                stdout=out,
                env={**os.environ, **self._engine.env},
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.terminate()
        self._stream.wait()

    def lines(self) -> list[str]:
        """What was told so far."""
        return self._file.read_text().splitlines()
