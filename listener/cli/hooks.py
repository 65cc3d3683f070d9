"""``listener hooks``: for each hook its URL, and what to paste where into the registry.

Secrets are placeholders unless asked for: the output ends up in tickets and terminals' memory.
"""

from __future__ import annotations

import click

from listener.cli.reading import as_json, print_json
from listener.cli.session import session, shared_options
from listener.config import Hook, Settings

_TOKEN = "TOKEN"  # noqa: S105 - a placeholder
_SECRET = "SECRET"  # noqa: S105 - a placeholder


@click.command()
@click.option(
    "--base-url",
    metavar="URL",
    help="How registries reach the hooks' port, e.g. https://deploy.example.com.",
)
@click.option("--show-secrets", is_flag=True, help="Write the secrets, not placeholders.")
@as_json
@shared_options
def hooks(base_url: str | None, show_secrets: bool, as_json: bool) -> None:
    """The URL and the setting to paste into each registry."""
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
    token = _value(hook.tokens[0].get_secret_value(), _TOKEN, show) if hook.tokens else None
    secret = (
        _value(hook.hmac_secrets[0].get_secret_value(), _SECRET, show)
        if hook.hmac_secrets
        else None
    )
    url = f"{base}/hooks/{name}"
    in_path = f"{url}/{token}" if token else url
    if hook.provider == "distribution":
        setting = _distribution(url, token)
    elif hook.provider == "dockerhub":
        url = in_path
        setting = _dockerhub(in_path)
    elif hook.provider == "github":
        url = in_path
        setting = _github(in_path, secret)
    else:
        setting = _curl(url, token, secret)
    return {"name": name, "provider": hook.provider, "url": url, "setting": setting}


def _value(secret: str, placeholder: str, show: bool) -> str:
    return secret if show else placeholder


def _distribution(url: str, token: str | None) -> str:
    """Ignoring both is needed: some releases look at actions only where media types are named."""
    headers = f"\n      headers:\n        Authorization: [Bearer {token}]" if token else ""
    return f"""In the registry's config.yml, then restart it:
notifications:
  endpoints:
    - name: listener
      url: {url}{headers}
      timeout: 1s
      threshold: 5
      backoff: 5s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull]"""


def _dockerhub(url: str) -> str:
    return f"""On hub.docker.com: the repository, Webhooks, then
Webhook name: listener
Webhook URL:  {url}"""


def _github(url: str, secret: str | None) -> str:
    """The organisation's hook: those of repositories have been seen to stay silent."""
    sign = f" \\\n  -f 'config[secret]={secret}'" if secret else ""
    return f"""For all packages of an organisation (for one repository: repos/OWNER/REPO/hooks):
gh api orgs/ORG/hooks -f name=web -F active=true -f 'events[]=package' \\
  -f 'config[content_type]=json' \\
  -f 'config[url]={url}'{sign}"""


def _curl(url: str, token: str | None, secret: str | None) -> str:
    bearer = f" \\\n  -H 'Authorization: Bearer {token}'" if token else ""
    sign = ""
    head = "At the end of a build:"
    if secret:
        head += (
            "\nSIGNATURE=$(printf '%s' \"$BODY\" | openssl dgst -sha256 -hmac "
            f"'{secret}' -r | cut -d' ' -f1)"
        )
        sign = ' \\\n  -H "X-Signature: sha256=$SIGNATURE"'
    lines = head.split("\n")
    body = """BODY='{"image": "registry.example.com/team/web:v1"}'"""
    lines.insert(1, body)
    lines.append(
        f"curl -fsS {url}{bearer}{sign} \\\n  -H 'Content-Type: application/json' -d \"$BODY\""
    )
    return "\n".join(lines)
