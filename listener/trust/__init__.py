"""Proofs of a sender that need a key from elsewhere: identity tokens, messages of a topic.

`oidc` and `sns` are imported by those who need them, when they do: they bring the cryptography,
which is 15 MB in memory, and most installations have neither.
"""

from listener.trust.fetch import CannotFetch, Fetch, HttpsGet

__all__ = ["CannotFetch", "Fetch", "HttpsGet"]
