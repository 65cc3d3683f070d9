"""The verb that shows what this program is for."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running, and print its addresses.")
@click.option(
    "--end",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="End and remove what --keep left.",
)
def demo(keep: bool, end: Path | None) -> None:
    """Watch it: versions 1, 2 and a sick 3 of a tiny app.

    Takes the engine of this machine, or starts one as root; a registry, a listener and the app
    are its own, and are removed at the end. Needs docker, docker-registry and a static busybox.
    """
    from listener.demo import scene

    code = scene.end(end) if end is not None else scene.play(keep=keep)
    click.get_current_context().exit(code)
