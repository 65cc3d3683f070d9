"""What can go wrong between this program and its Redis, each as one sentence."""

from __future__ import annotations


class Unavailable(Exception):
    """Redis does not take or give it now: no connection, no answer in time, loading, read-only,
    out of memory, not enough replicas, access refused. The same call may be repeated later; every
    call of this package may be repeated safely.
    """


class NewerSchema(Unavailable):
    """A newer release of this program wrote this Redis; this one must not touch it."""


class Backlog(Unavailable):
    """The command stream of a host is full: its worker has not read it for long."""


class LeaseLost(Exception):
    """Another worker holds the lease of this engine; nothing may be changed any more."""


class EmbeddedError(Exception):
    """The embedded Redis cannot be started or stopped; says why and what to do."""


class AlreadyRunning(EmbeddedError):
    """Another process of this program works in the same state directory."""
