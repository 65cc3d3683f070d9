"""What to paste into registries that one runs oneself: for each a function from hook to text."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from listener.cli.access import Access
from listener.cli.forms import form

_REGISTRY = "registry.example.com"


def distribution(access: Access) -> str:
    """Ignoring both is needed: some releases look at actions only where media types are named."""
    headers = ""
    if access.header:
        name, value = access.header
        headers = f"\n      headers:\n        {name}: [{json.dumps(value)}]"
    return f"""In the registry's config.yml, then restart it:
notifications:
  endpoints:
    - name: listener
      url: {access.url}{headers}
      timeout: 1s
      threshold: 5
      backoff: 5s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull]"""


def gitlab(access: Access) -> str:
    """Threshold is left out: releases differ in its name, and its default is right."""
    headers = ""
    if access.header:
        name, value = access.header
        headers = f",\n    'headers' => {{ '{name}' => [{_ruby(value)}] }}"
    return f"""In /etc/gitlab/gitlab.rb of the GitLab, then `gitlab-ctl reconfigure`:
registry['notifications'] = [
  {{
    'name' => 'listener',
    'url' => {_ruby(access.url)},
    'timeout' => '1s',
    'backoff' => '5s'{headers}
  }}
]
GitLab.com sends nothing of its registry: there, let the job that pushes call a hook of the
provider generic."""


def harbor(access: Access) -> str:
    """The whole value of Auth Header is sent as `Authorization`."""
    rows = [
        ("Notify Type", "http"),
        ("Payload Format", "Default"),
        ("Event Type", "Artifact pushed"),
        ("Endpoint URL", access.url),
    ]
    if access.header:
        rows.append(("Auth Header", access.header[1]))
    return form("In the project: Webhooks, New Webhook:", rows)


def gitea(access: Access) -> str:
    """Packages belong to owners, so hooks of a repository mostly stay silent."""
    rows = [
        ("Target URL", access.url),
        ("HTTP Method", "POST"),
        ("POST Content Type", "application/json"),
    ]
    if access.secret:
        rows.append(("Secret", access.secret))
    rows.append(("Trigger On", "Custom Events: Packages"))
    if access.header:
        rows.append(("Authorization Header", access.header[1]))
    head = (
        "In the settings of the organisation or user that owns the images: Webhooks, Add Webhook:"
    )
    host = urlsplit(access.base).hostname or access.base
    return (
        f"{form(head, rows)}\nWhere the listener is in a private network, also in app.ini:\n"
        f"[webhook]\nALLOWED_HOST_LIST = external,{host}"
    )


def nexus(access: Access) -> str:
    """A capability is of one repository."""
    first, *others = access.hook.places or ["docker-hosted"]
    also = f", and one more capability each for {', '.join(others)}" if others else ""
    rows = [
        ("Repository", f"{first}{also}"),
        ("Event Types", "component"),
        ("URL", access.url),
    ]
    if access.secret:
        rows.append(("Secret Key", access.secret))
    head = "In Administration: System, Capabilities, Create capability, Webhook: Repository:"
    text = form(head, rows)
    if access.hook.places or access.hook.registry:
        return text
    return (
        f"{text}\nThe hook also has to say from where the repository's images are pulled:\n"
        f"places: {{{first}: {_REGISTRY}}}"
    )


def artifactory(access: Access) -> str:
    """The same field has the token, or the secret that the webhook signs with."""
    rows = [
        ("URL", access.url),
        ("Events", "Docker: Docker tag was pushed"),
        ("Repositories", ", ".join(access.hook.places) or "docker-local, no remote ones"),
    ]
    secret = access.secret
    if secret is None and access.header and access.header[0].lower() == "x-jfrog-event-auth":
        secret = access.header[1]
    elif access.header:
        rows.append(("Custom HTTP headers", ": ".join(access.header)))
    if secret:
        rows += [
            ("Secret token", secret),
            ("Use secret for payload signing", "on" if access.secret else "off"),
        ]
    head = "In Administration: General Management, Webhooks, New Webhook, Predefined:"
    return form(head, rows)


def zot(access: Access) -> str:
    """Of the sink's credentials, releases have been seen to send the Basic ones only."""
    sink: dict[str, object] = {"type": "http", "address": access.url, "timeout": "5s"}
    if access.token and not access.token_in_url:
        sink["credentials"] = {"username": "listener", "password": access.token}
    source = f"https://{access.hook.registry or _REGISTRY}"
    events = {"events": {"enable": True, "source": source, "sinks": [sink]}}
    text = (
        "In zot's config.json, of a build with extensions, then restart it:\n"
        f"{json.dumps({'extensions': events}, indent=2, ensure_ascii=False)}"
    )
    if access.hook.registry is None:
        text += (
            "\n`source` names the registry (releases from 2.1.21). For earlier ones leave it out "
            f"and\nset on the hook: registry: {_REGISTRY}"
        )
    return text


def _ruby(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
