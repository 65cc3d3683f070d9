"""What to paste into registries that one rents: for each a function from hook to text."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from listener.cli.access import Access
from listener.cli.forms import command, form, option

_PATTERN = {
    "source": ["aws.ecr"],
    "detail-type": ["ECR Image Action"],
    "detail": {"action-type": ["PUSH"], "result": ["SUCCESS"]},
}


def dockerhub(access: Access) -> str:
    """Its form takes nothing but a name and a URL."""
    rows = [("Webhook name", "listener"), ("Webhook URL", access.url)]
    return form("On hub.docker.com: the repository, Webhooks, then", rows)


def github(access: Access) -> str:
    """The organisation's hook: those of repositories have been seen to stay silent."""
    fields = [option("-f", "config[content_type]=json"), option("-f", f"config[url]={access.url}")]
    if access.secret:
        fields.append(option("-f", f"config[secret]={access.secret}"))
    call = command(
        "gh api orgs/ORG/hooks -f name=web -F active=true -f 'events[]=package'", *fields
    )
    return (
        f"For all packages of an organisation (for one repository: repos/OWNER/REPO/hooks):\n{call}"
    )


def quay(access: Access) -> str:
    """Quay sets no headers and signs nothing."""
    rows = [
        ("When this event occurs", "Push to Repository"),
        ("Then issue a notification", "Webhook POST"),
        ("Webhook URL", access.url),
    ]
    head = "In the repository: Settings, Events and Notifications, Create Notification:"
    return form(head, rows)


def aliyun(access: Access) -> str:
    """A trigger is of one repository, and takes nothing but a URL."""
    rows = [("Name", "listener"), ("Trigger URL", access.url), ("Trigger", "all tags")]
    return form("In the console of Container Registry: the repository, Triggers, Create:", rows)


def acr(access: Access) -> str:
    """The registry's own webhook is sent once; Event Grid repeats."""
    registry = (access.hook.registry or "REGISTRY").partition(".")[0]
    parts = [
        f"az acr webhook create --registry {registry} --name listener --actions push",
        option("--uri", access.url),
    ]
    if access.header:
        parts.append(option("--headers", "=".join(access.header)))
    return (
        f"{command(*parts)}\n"
        f"az acr webhook ping --registry {registry} --name listener\n"
        "Through Event Grid, which sends again what was not taken, with the token in the URL:\n"
        + command(
            "az eventgrid event-subscription create --name listener",
            f'--source-resource-id "$(az acr show --name {registry} --query id --output tsv)"',
            "--included-event-types Microsoft.ContainerRegistry.ImagePushed",
            option("--endpoint", access.url_with_token),
        )
    )


def ecr(access: Access) -> str:
    """Straight from EventBridge, or through those topics of SNS that the hook names."""
    topics = [_through(topic, access) for topic in access.hook.topics]
    return "\n".join(topics) if topics else _destination(access)


def _rule() -> str:
    pattern = option("--event-pattern", json.dumps(_PATTERN))
    return command("aws events put-rule --name listener", pattern)


def _through(topic: str, access: Access) -> str:
    """SNS signs with SHA-1 unless it is told otherwise, and that is not taken."""
    arn = f"--topic-arn {topic}"
    scheme = urlsplit(access.url).scheme
    signature = "--attribute-name SignatureVersion --attribute-value 2"
    return "\n".join(
        [
            f"Through the topic {topic}, which events.amazonaws.com must be allowed to publish to:",
            command(f"aws sns set-topic-attributes {arn}", signature),
            _rule(),
            command(
                "aws events put-targets --rule listener", f"--targets 'Id=listener,Arn={topic}'"
            ),
            command(
                f"aws sns subscribe {arn} --protocol {scheme}",
                option("--notification-endpoint", access.url),
            ),
            "The listener confirms the subscription by itself.",
        ]
    )


def _destination(access: Access) -> str:
    lines = ["EventBridge asks for https with a certificate that everybody trusts:"]
    name, value = access.header or ("X-Listener", "none")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": name, "ApiKeyValue": value}}
    lines += [
        command(
            "aws events create-connection --name listener --authorization-type API_KEY",
            option("--auth-parameters", json.dumps(key)),
        ),
        command(
            "aws events create-api-destination --name listener --http-method POST",
            "--connection-arn CONNECTION_ARN",
            option("--invocation-endpoint", access.url),
        ),
        _rule(),
        command(
            "aws events put-targets --rule listener",
            "--targets 'Id=listener,Arn=DESTINATION_ARN,RoleArn=ROLE_ARN'",
        ),
        "CONNECTION_ARN and DESTINATION_ARN are what the first two answer; ROLE_ARN is a role that",
        "events.amazonaws.com may take and that may events:InvokeApiDestination.",
    ]
    return "\n".join(lines)


def gar(access: Access) -> str:
    """Its topic has the same name in each project, and is there once somebody made it."""
    parts = ["gcloud pubsub subscriptions create listener --topic gcr"]
    parts.append(option("--push-endpoint", access.url))
    oidc = access.hook.oidc
    if oidc:
        emails = [one for one in oidc.claims.get("email", ()) if "*" not in one]
        parts += [
            option("--push-auth-service-account", emails[0] if emails else "SERVICE_ACCOUNT"),
            option("--push-auth-token-audience", oidc.audience),
        ]
    return (
        "In the project of the repository, where there is no topic gcr yet:\n"
        f"gcloud pubsub topics create gcr\n{command(*parts)}"
    )
