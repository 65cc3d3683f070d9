"""What to do so that anything else calls a hook: a CI job, a sender of CloudEvents, any of them."""

from __future__ import annotations

from shlex import quote

from listener.cli.access import Access
from listener.cli.forms import command
from listener.config.hook import ISSUERS

_IMAGE = "registry.example.com/team/web"
_BODY = f"""BODY='{{"image": "{_IMAGE}:v1"}}'"""
_EVENT = (
    """BODY='{"specversion": "1.0", "id": "'"$(uuidgen)"'", "type": "com.example.image.pushed",\n"""
    f"""  "source": "https://ci.example.com",\n"""
    f"""  "data": {{"repository": "{_IMAGE}", "tag": "v1"}}}}'"""
)
_JSON = "-H 'Content-Type: application/json' -d \"$BODY\""


def generic(access: Access) -> str:
    """A command for the end of a build, and the other way to sign."""
    lines = ["At the end of a build:", *_identity(access), _BODY]
    if access.secret:
        lines.append(_signature('"$BODY"', f"-hmac {quote(access.secret)} -r | cut -d' ' -f1"))
    signed = ['-H "X-Signature: sha256=$SIGNATURE"'] if access.secret else []
    lines.append(command(f"curl -fsS {quote(access.url)}", *_bearer(access), *signed, _JSON))
    if access.secret:
        lines += _standard_webhooks(access, access.secret)
    return "\n".join(lines)


def cloudevents(access: Access) -> str:
    """What a sender of CloudEvents is given, and an event to try it with."""
    lines = [f"Give the sender this address: {access.url}"]
    if access.header:
        lines.append(f"and this header: {': '.join(access.header)}")
    if access.hook.origins:
        allowed = ", ".join(access.hook.origins)
        lines.append(f"It may ask with OPTIONS whether it may send, as one of: {allowed}")
    lines += ["By hand:", *_identity(access), _EVENT]
    kind = "-H 'Content-Type: application/cloudevents+json' -d \"$BODY\""
    lines.append(command(f"curl -fsS {quote(access.url)}", *_bearer(access), kind))
    return "\n".join(lines)


def auto(access: Access) -> str:
    """Every other provider's setting is this one's."""
    lines = ["Whatever sends: set it up as its page in docs/registries/ says, with", access.url]
    if access.token:
        way = f"the header {': '.join(access.header)}" if access.header else "the token in that URL"
        lines.append(f"and {way}; for senders without headers {access.url_with_token}")
    if access.secret:
        lines.append(f"and the secret {access.secret}")
    return "\n".join([*lines, generic(access)])


def _bearer(access: Access) -> list[str]:
    if access.hook.oidc:
        own = [f"-H {quote(': '.join(access.header))}"] if access.header else []
        return ['-H "Authorization: Bearer $ID_TOKEN"', *own]
    return [f"-H {quote(': '.join(access.header))}"] if access.header else []


def _identity(access: Access) -> list[str]:
    """How a job gets its identity token, at the issuers that give one to each job."""
    oidc = access.hook.oidc
    if oidc is None:
        return []
    if oidc.issuer == ISSUERS["github"]:
        return [
            "# the job needs `permissions: {id-token: write}`",
            "ID_TOKEN=$("
            + command(
                'curl -fsS -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN"',
                f'"$ACTIONS_ID_TOKEN_REQUEST_URL&audience={oidc.audience}" | jq -r .value)',
            ),
        ]
    if oidc.issuer == ISSUERS["google"]:
        audience = quote(f"--audiences={oidc.audience}")
        return [f"ID_TOKEN=$(gcloud auth print-identity-token {audience})"]
    return [f"# the job needs `id_tokens: {{ID_TOKEN: {{aud: {oidc.audience}}}}}`"]


def _standard_webhooks(access: Access, secret: str) -> list[str]:
    """As https://www.standardwebhooks.com has it; a secret ``whsec_…`` is a key in base64."""
    key = f"-hmac {quote(secret)}"
    if access.hook.hmac_secrets[0].get_secret_value().startswith("whsec_"):
        hexadecimal = "cut -c7- | base64 -d | od -An -vtx1 | tr -d ' \\n'"
        key = f'-mac HMAC -macopt "hexkey:$(printf %s {quote(secret)} | {hexadecimal})"'
    return [
        "Or signed as Standard Webhooks, whose ids tell repetitions:",
        "ID=$(uuidgen) TIME=$(date +%s)",
        _signature('"$ID.$TIME.$BODY"', f"{key} -binary | base64"),
        command(
            f"curl -fsS {quote(access.url)}",
            *_bearer(access),
            '-H "webhook-id: $ID" -H "webhook-timestamp: $TIME"',
            '-H "webhook-signature: v1,$SIGNATURE"',
            _JSON,
        ),
    ]


def _signature(text: str, how: str) -> str:
    return f"SIGNATURE=$(printf '%s' {text} | openssl dgst -sha256 {how})"
