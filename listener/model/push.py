"""A push: what a registry says about one image reference."""

from __future__ import annotations

from datetime import datetime

from listener.model.base import Noun


class Push(Noun):
    """One image reference that was pushed, as stored and shown.

    `image` is the normal form without tag (``docker.io/library/nginx``); at least one of `tag`
    and `digest` is set. `occurred_at` is the sender's clock, `received_at` ours. `delivery` is
    the sender's own event or delivery id; it, not the body, tells repetitions. `one_of_many` says
    that other tags of the repository may have moved with this one, `replay_of` which push was done
    over by hand.
    """

    id: str
    hook: str
    provider: str
    image: str
    tag: str | None = None
    digest: str | None = None
    actor: str | None = None
    occurred_at: datetime | None = None
    received_at: datetime
    delivery: str | None = None
    one_of_many: bool = False
    replay_of: str | None = None


class Match(Noun):
    """What one target made of a push: the deployment it queued, or the reason for none."""

    target: str
    host: str
    deployment: str | None = None
    reason: str | None = None
