"""Proofs of a sender that need a key from elsewhere: identity tokens, messages of a topic."""

from listener.trust.fetch import CannotFetch, Fetch, HttpsGet
from listener.trust.oidc import IdentityTokens
from listener.trust.sns import Topics

__all__ = ["CannotFetch", "Fetch", "HttpsGet", "IdentityTokens", "Topics"]
