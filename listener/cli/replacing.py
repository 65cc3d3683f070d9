"""The verb of the helper container, which no person calls: `replace`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

_TOLD_TO_STOP = 143


@click.command(hidden=True)
def replace() -> None:
    """Replaces the container of a listener, as the file that this one was given says."""
    from listener.deploy.helper import relieve
    from listener.drivers.helper import DIRECTORY, PARCEL
    from listener.logs import set_up_logs

    set_up_logs()
    # The first process of a container has to end itself; not with 0, so that the engine starts
    # the helper again when it is itself started again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TOLD_TO_STOP))
    # How it ended says the file: with another code than 0 the engine would start it again.
    asyncio.run(relieve(Path(DIRECTORY) / PARCEL))
