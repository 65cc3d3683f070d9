"""What no single key of a hook shows: proofs that are missing, contradict or can never pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from listener.config.document import Document, KeyPath
from listener.config.secret_values import SECRETS

SIGNING = ("artifactory", "auto", "gitea", "generic", "github", "nexus")
"""Providers that can sign with an HMAC."""
_ONLY_FOR = {
    "topics": ("ecr", "auto"),
    "origins": ("acr", "auto", "cloudevents", "zot"),
    "places": ("artifactory", "auto", "nexus"),
}
_TOKEN, _HMAC_SECRET = (secret for secret in SECRETS if secret.section == ("hooks", "*"))


def check_hook(document: Document, path: KeyPath, hook: Mapping[str, object]) -> None:
    """Reports every impossible combination of a hook's keys, as they were written."""
    for key, problem in _problems(hook):
        document.report((*path, key) if key else path, problem)


def _problems(hook: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    provider = hook.get("provider")
    signed = _HMAC_SECRET.given(hook)
    tokens = _TOKEN.given(hook)
    others = [key for key in ("oidc", "topics", "allow_cidrs") if hook.get(key)]
    proofs = [*tokens, *signed, *others]
    anybody = hook.get("unauthenticated") in (True, "true")
    if not proofs and not anybody:
        yield (
            "",
            "anybody could call this hook: give token, hmac_secret, oidc or allow_cidrs, "
            "or say unauthenticated: true",
        )
    if proofs and anybody:
        yield "unauthenticated", f"contradicts {proofs[0]}: remove one of them"
    if signed and isinstance(provider, str) and provider not in SIGNING:
        yield signed[0], f"{provider} signs nothing, so no call would ever pass: use token"
    if "token_header" in hook and not tokens:
        yield "token_header", "needs token or token_file beside it"
    for key, providers in _ONLY_FOR.items():
        if hook.get(key) and isinstance(provider, str) and provider not in providers:
            yield key, f"belongs to {', '.join(providers)} and means nothing to {provider}"
    if hook.get("repositories") == []:
        yield "repositories", "is empty: remove the key to allow all of them"
