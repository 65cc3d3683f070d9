"""Why a proof does not hold: for the log only, since the sender is told nothing."""

from __future__ import annotations


class Untrusted(Exception):
    """The proof is missing or wrong; the message is a reason for whoever runs this program."""
