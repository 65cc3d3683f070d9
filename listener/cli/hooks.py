"""``listener hooks``: for each hook its URL, and what to paste where into the registry.

Secrets are placeholders unless asked for: the output ends up in tickets and terminals' memory.
"""

from __future__ import annotations

import click

from listener.cli.access import Access
from listener.cli.reading import as_json, print_json
from listener.cli.registry_settings import setting
from listener.cli.session import session, shared_options
from listener.cli.trying import test
from listener.config import Hook, Settings


@click.group(invoke_without_command=True)
@click.option(
    "--base-url",
    metavar="URL",
    help="How registries reach the hooks' port, e.g. https://deploy.example.com.",
)
@click.option("--show-secrets", is_flag=True, help="Write the secrets, not placeholders.")
@as_json
@shared_options
@click.pass_context
def hooks(ctx: click.Context, base_url: str | None, show_secrets: bool, as_json: bool) -> None:
    """The URL and the setting to paste into each registry."""
    if ctx.invoked_subcommand is not None:
        return
    settings = session().settings()
    base = (base_url or _guess(settings)).rstrip("/")
    told = [_tell(name, hook, base, show_secrets) for name, hook in settings.hooks.items()]
    if as_json:
        print_json({"hooks": told})
        return
    if not told:
        click.echo("no hooks: name one under hooks: in the configuration")
    for one in told:
        click.echo(f"{one['name']} ({one['provider']})\n  {one['url']}")
        for line in one["setting"].splitlines():
            click.echo(f"    {line}".rstrip())
        click.echo()


def _guess(settings: Settings) -> str:
    """The address the port listens on; on all of them: this machine's own name for itself."""
    host, port = settings.listen.host, settings.listen.port
    if host in ("0.0.0.0", "::"):
        host = settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _tell(name: str, hook: Hook, base: str, show: bool) -> dict[str, str]:
    access = (Access.of if show else Access.hidden)(name, hook, base)
    text = setting(access)
    return {"name": name, "provider": hook.provider, "url": access.url, "setting": text}


hooks.add_command(test)
