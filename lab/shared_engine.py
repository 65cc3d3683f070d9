"""One engine for several processes: ``python -m lab.shared_engine COMMAND …``.

The engine of this machine is taken where one answers; else one is started for as long as the
command runs. The command finds it by DOCKER_HOST. Ends with the command's exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from listener.demo.engine import EngineTrouble, find_engine
from listener.demo.process import MissingPart


def main(command: list[str]) -> int:
    """Runs the command; its end, or a signal to us, ends an engine of our own."""
    try:
        engine = find_engine()
    except (EngineTrouble, MissingPart) as problem:
        print(f"shared_engine: {problem}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return subprocess.run(command, env={**os.environ, **engine.env}, check=False).returncode
    finally:
        engine.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
