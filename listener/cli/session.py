"""What all verbs share: the options, the settings and the server that they lead to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from listener.cli.exits import WrongConfiguration

if TYPE_CHECKING:
    from listener.config import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Session:
    """The shared options as given before or after the verb; the last one given wins."""

    config: Path | None = None
    url: str | None = None
    token: str | None = None

    def settings(self) -> Settings:
        """The configuration; raises WrongConfiguration with every problem of it."""
        from listener.config import ConfigError, load

        try:
            return load(self.config_path(), os.environ)
        except ConfigError as wrong:
            raise WrongConfiguration("\n".join(wrong.problems)) from None

    def config_path(self) -> Path | None:
        """The configuration file that is in force, if any; raises WrongConfiguration."""
        from listener.config import ConfigError, find_config

        try:
            return find_config(str(self.config) if self.config else None, os.environ)
        except ConfigError as wrong:
            raise WrongConfiguration("\n".join(wrong.problems)) from None

    def server(self) -> tuple[str, str | None]:
        """The URL of the admin port and its token: option, environment, else configuration."""
        url = self.url or os.environ.get("LISTENER_URL")
        token = self.token or os.environ.get("LISTENER_TOKEN")
        if url and token:
            return checked_url(url), token
        try:
            admin = self.settings().admin
        except WrongConfiguration:
            # Who names a server needs no file for it, and a clone's example does not load.
            if url is None or self.config is not None:
                raise
            return checked_url(url), token
        if not token and admin.token is not None:
            token = admin.token.get_secret_value()
        return checked_url(url or url_of(admin.listen.host, admin.listen.port)), token


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value is not None and param.name is not None:
        setattr(ctx.ensure_object(Session), param.name, value)


_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    expose_value=False,
    callback=_keep,
    help="Configuration file.",
)
_URL = click.option(
    "--url",
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="Admin port of the server. Default: $LISTENER_URL, then admin.listen.",
)
_TOKEN = click.option(
    "--token",
    metavar="TOKEN",
    expose_value=False,
    callback=_keep,
    help="Admin token; better in $LISTENER_TOKEN, which other users cannot see.",
)


def own_options(command: Command) -> Command:
    """Adds ``--config`` and ``--token``, for verbs with a ``--url`` of their own."""
    return _CONFIG(_TOKEN(command))


def shared_options(command: Command) -> Command:
    """Adds ``--config``, ``--url`` and ``--token``: they may stand before or after a verb."""
    return _CONFIG(_URL(_TOKEN(command)))


def session() -> Session:
    """The session of the verb that runs."""
    return click.get_current_context().ensure_object(Session)


def url_of(host: str, port: int) -> str:
    """Where to call a server that listens on `host`: on all addresses means this machine too."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return f"http://{host or '127.0.0.1'}:{port}"
    if address.is_unspecified:
        return f"http://{'127.0.0.1' if address.version == 4 else '[::1]'}:{port}"
    return f"http://{address if address.version == 4 else f'[{address}]'}:{port}"


def checked_url(url: str) -> str:
    """A URL of http(s) without a slash at its end; raises UsageError."""
    full = url if "://" in url else f"http://{url}"
    parts = urlsplit(full)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"{url!r} is not a URL like http://127.0.0.1:8081")
    return full.rstrip("/")
