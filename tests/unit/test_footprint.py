"""What a process carries that it may never need: its memory is the users' own."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("unneeded", ["jwt", "cryptography.x509", "apprise", "click.testing"])
def test_what_few_installations_need_is_loaded_by_those_alone(unneeded: str) -> None:
    look = f"import sys, listener.app; print({unneeded!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
